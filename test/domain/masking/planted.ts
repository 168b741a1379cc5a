import { primitiveTypes, typeSchema } from '../../../src/domain/fhir/schema.ts';

/** A resource of the type in which every element is set and every text carries a mark that can be searched for. */
export const planted = (
  type: string,
  depth = 3,
): { readonly resource: Record<string, unknown>; readonly marks: number } => {
  let marks = 0;
  const mark = (): string => {
    marks += 1;
    return `CANARY${marks}`;
  };
  const primitive = (name: string, codeless: boolean): unknown => {
    switch (name) {
      case 'boolean':
        return true;
      case 'integer':
      case 'positiveInt':
      case 'unsignedInt':
        return 3;
      case 'decimal':
        return 1.5;
      case 'date':
        return '2021-05-06';
      case 'dateTime':
        return '2021-05-06T07:08:09Z';
      case 'instant':
        return '2021-05-06T07:08:09.123Z';
      case 'time':
        return '07:08:09';
      case 'uri':
      case 'url':
      case 'canonical':
        return `http://canary.example/${mark()}`;
      case 'oid':
        return 'urn:oid:1.2.3.999.4';
      case 'uuid':
        return 'urn:uuid:c757873d-ec9a-4326-a141-556f43239520';
      case 'xhtml':
        return `<div xmlns="http://www.w3.org/1999/xhtml">${mark()}</div>`;
      case 'base64Binary':
        return 'Q0FOQVJZ';
      default:
        return codeless ? mark() : `${mark()}`;
    }
  };
  const object = (name: string, level: number): Record<string, unknown> => {
    const out: Record<string, unknown> = {};
    for (const element of typeSchema(name)?.elements.values() ?? []) {
      if (element.name === 'modifierExtension' || element.type === 'Resource') continue;
      if (level <= 0 && !primitiveTypes.has(element.type)) continue;
      if (name === 'Extension' && element.choice && element.type !== 'string' && element.type !== 'Reference') continue;
      const value = primitiveTypes.has(element.type)
        ? primitive(element.type, element.codes === undefined)
        : object(element.type, level - 1);
      out[element.name] = element.list ? [value, value] : value;
      if (primitiveTypes.has(element.type) && level > 1 && element.name !== 'id' && element.name !== 'url') {
        const beside = { id: mark(), extension: [{ url: `http://canary.example/${mark()}`, valueString: mark() }] };
        out[`_${element.name}`] = element.list ? [beside, beside] : beside;
      }
    }
    return out;
  };
  const resource = { resourceType: type, ...object(type, depth), id: 'CANARY-0' };
  return { resource, marks: marks + 1 };
};
