import type { Proposal } from '../../domain/policy/proposal.ts';
import { makeFolderDurably, nodeFileSystem, readText, replaceFile, under } from '../store/file-system.ts';

/** Proposed changes, one file each, replaced whole. */
export interface ProposalBook {
  /** Oldest first. */
  all(): Promise<readonly Proposal[]>;
  /** Resolves when it is durable. */
  keep(proposal: Proposal): Promise<void>;
}

/** The folder is made by the first proposal: policies that only the operator may write are served too. */
export const openProposals = (folder: string): ProposalBook => {
  const files = nodeFileSystem;
  return {
    async all() {
      const found: Proposal[] = [];
      for (const name of await files.list(folder)) {
        const text = name.endsWith('.json') ? await readText(files, under(folder, name)) : undefined;
        if (text !== undefined) found.push(JSON.parse(text) as Proposal);
      }
      return found.sort((a, b) => (a.at < b.at ? -1 : 1));
    },
    async keep(proposal) {
      await makeFolderDurably(files, folder, folder);
      await replaceFile(files, under(folder, `${proposal.id}.json`), Buffer.from(JSON.stringify(proposal)));
    },
  };
};
