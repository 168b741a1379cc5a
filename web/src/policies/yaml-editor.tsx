import { autocompletion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { yaml } from '@codemirror/lang-yaml';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useComputedColorScheme } from '@mantine/core';
import { basicSetup } from 'codemirror';
import { useEffect, useRef } from 'react';
import type { PolicyFault } from '../../../src/domain/policy/fault.ts';
import { nonce } from '../settings.ts';

export interface Place {
  readonly file: string;
  readonly line: number;
}

interface Props {
  readonly label: string;
  readonly file: string;
  readonly text: string;
  readonly faults: readonly PolicyFault[];
  /** Names to offer by field: `classes`, `method`, ... and `fields` where a field begins. */
  readonly words: Readonly<Record<string, readonly string[]>>;
  readonly place: Place | undefined;
  readonly readOnly: boolean;
  onChange(text: string): void;
}

/** What could stand at the cursor: the values of the field on this line, or the fields themselves. */
const completer =
  (words: Props['words']) =>
  (context: CompletionContext): CompletionResult | null => {
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    const word = /[\w-]*$/.exec(before)?.[0] ?? '';
    const field = /^\s*(?:- )?([\w-]+):\s/.exec(before)?.[1];
    const options = field === undefined ? words.fields : words[field];
    if (options === undefined || (word === '' && !context.explicit)) return null;
    return {
      from: context.pos - word.length,
      options: options.map((label) => ({ label, apply: field === undefined ? `${label}: ` : label })),
      validFor: /^[\w -]*$/,
    };
  };

const light = EditorView.theme({ '&': { backgroundColor: '#fff', color: '#111' } });
const dark = EditorView.theme(
  {
    '&': { backgroundColor: '#1b1c1f', color: '#e6e6e6' },
    '.cm-gutters': { backgroundColor: '#232428', color: '#b8b8b8' },
    '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: '#2a2c31' },
    '.cm-content': { caretColor: '#fff' },
  },
  { dark: true },
);
/** At least 7 to 1 on the dark ground. */
const brightColours = HighlightStyle.define([
  { tag: tags.comment, color: '#d9b38c' },
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: '#9cc4ff' },
  { tag: [tags.string, tags.content], color: '#c3e0a8' },
  { tag: [tags.punctuation, tags.separator, tags.bracket, tags.meta], color: '#c9c9c9' },
]);
const frame = EditorView.theme({
  '&': { border: '1px solid var(--mantine-color-default-border)', maxHeight: '34rem', fontSize: '0.85rem' },
  '&.cm-focused': { outline: '2px solid var(--mantine-primary-color-filled)' },
  '.cm-scroller': { overflow: 'auto' },
});

/** The YAML of one policy file, with its faults at their lines. */
export const YamlEditor = ({ label, file, text, faults, words, place, readOnly, onChange }: Props) => {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const changed = useRef(onChange);
  changed.current = onChange;
  const offered = useRef(words);
  offered.current = words;
  const first = useRef(text);
  first.current = text;
  const scheme = useComputedColorScheme();

  // biome-ignore lint/correctness/useExhaustiveDependencies: another file is another document with a history of its own
  useEffect(() => {
    if (host.current === null) return undefined;
    const editor = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: first.current,
        extensions: [
          EditorView.cspNonce.of(nonce),
          basicSetup,
          yaml(),
          EditorView.lineWrapping,
          frame,
          scheme === 'dark' ? [dark, syntaxHighlighting(brightColours)] : light,
          lintGutter(),
          autocompletion({ override: [(context) => completer(offered.current)(context)] }),
          EditorState.readOnly.of(readOnly),
          EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed.current(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => {
      editor.destroy();
      view.current = undefined;
    };
  }, [file, label, scheme, readOnly]);

  useEffect(() => {
    const editor = view.current;
    if (editor === undefined || editor.state.doc.toString() === text) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [text]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new editor has no marks yet
  useEffect(() => {
    const editor = view.current;
    if (editor === undefined) return;
    const { doc } = editor.state;
    const marks = faults
      .filter((fault) => fault.file === file && fault.line <= doc.lines)
      .map((fault): Diagnostic => {
        const line = doc.line(fault.line);
        const from = Math.min(line.from + fault.column - 1, line.to);
        const nearest = fault.nearest === undefined ? '' : ` (${fault.nearest}?)`;
        return { from, to: line.to, severity: fault.severity, message: `${fault.text}${nearest}` };
      });
    editor.dispatch(setDiagnostics(editor.state, marks));
  }, [faults, file, scheme, readOnly]);

  useEffect(() => {
    const editor = view.current;
    if (editor === undefined || place === undefined || place.file !== file) return;
    const line = editor.state.doc.line(Math.min(place.line, editor.state.doc.lines));
    editor.dispatch({ selection: { anchor: line.from, head: line.to }, scrollIntoView: true });
    editor.focus();
  }, [place, file]);

  return <div ref={host} />;
};
