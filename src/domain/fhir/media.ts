/** Names under which clients send and ask for FHIR JSON; the third is that of DSTU2, still sent. */
const fhirJson: ReadonlySet<string> = new Set(['application/fhir+json', 'application/json', 'application/json+fhir']);

interface Media {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const mediaOf = (text: string): Media => {
  const [type = '', ...rest] = text.split(';');
  const parameters = new Map<string, string>();
  for (const each of rest) {
    const [name = '', value = ''] = each.split('=', 2);
    parameters.set(
      name.trim().toLowerCase(),
      value
        .trim()
        .replace(/^"(.*)"$/, '$1')
        .toLowerCase(),
    );
  }
  return { type: type.trim().toLowerCase(), parameters };
};

const fitsVersion = ({ parameters }: Media): boolean => {
  const version = parameters.get('fhirversion');
  return version === undefined || version === '4.0';
};

export type BodyMedia = 'json' | 'json-patch' | 'form' | 'graphql';

/** What a Content-Type says; undefined is something that this gateway does not read. */
export const bodyMedia = (contentType: string): BodyMedia | undefined => {
  if (contentType === 'application/fhir+json' || contentType === 'application/json') return 'json';
  const media = mediaOf(contentType);
  const charset = media.parameters.get('charset');
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') return undefined;
  if (!fitsVersion(media)) return undefined;
  if (fhirJson.has(media.type)) return 'json';
  if (media.type === 'application/json-patch+json') return 'json-patch';
  if (media.type === 'application/x-www-form-urlencoded') return 'form';
  return media.type === 'application/graphql' ? 'graphql' : undefined;
};

/** True when an Accept header, or `_format`, can be met with FHIR JSON. */
export const acceptsJson = (accept: string): boolean => {
  if (accept === '' || accept === '*/*' || accept === 'application/fhir+json') return true;
  return accept.split(',').some((range) => {
    const media = mediaOf(range);
    if (Number(media.parameters.get('q') ?? '1') === 0 || !fitsVersion(media)) return false;
    return fhirJson.has(media.type) || media.type === '*/*' || media.type === 'application/*';
  });
};

/** Files of a bulk export are asked for by their own type. */
export const acceptsNdjson = (accept: string): boolean =>
  accept.split(',').some((range) => /^application\/(?:fhir\+)?ndjson$/.test(mediaOf(range).type));

/** True for the values of `_format` that mean JSON; `+` typed raw into a URL arrives as a space. */
export const formatIsJson = (format: string): boolean => {
  const text = format.toLowerCase();
  return (
    text === 'json' ||
    text === '*/*' ||
    acceptsJson(
      text
        .replace('application/fhir json', 'application/fhir+json')
        .replace('application/json fhir', 'application/json+fhir'),
    )
  );
};
