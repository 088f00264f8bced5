interface MediaRange {
  readonly type: string;
  /** From 0, not acceptable, to 1. */
  readonly quality: number;
  readonly position: number;
}

/** What matches a type at last: a range beats another the more it says (RFC 9110, section 12.5.1). */
interface Match extends MediaRange {
  readonly specificity: number;
}

// A comma or semicolon in quotes divides nothing. An unclosed quote reaches to the end: nothing here can fail, so nothing is tried twice.
const RANGES = /(?:[^,"]|"(?:[^"\\]|\\[^]?)*"?)+/g;
const PARAMETERS = /(?:[^;"]|"(?:[^"\\]|\\[^]?)*"?)+/g;
const QUALITY = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * Whether a client would rather have HTML than JSON, by its `Accept` (RFC 9110, section 12.5.1). Of two that it wants as much, it is the one
 * that it names more exactly, then the one that it names first, as with `request.accepts()` of Express. JSON where it says nothing.
 */
export function prefersHtml(accept: string | undefined): boolean {
  const ranges = rangesOf(accept ?? '');
  const html = matchOf('text/html', ranges);
  const json = matchOf('application/json', ranges);
  if (html === undefined || html.quality === 0) return false;
  return json === undefined || json.quality === 0 || compare(html, json) > 0;
}

function compare(one: Match, other: Match): number {
  return one.quality - other.quality || one.specificity - other.specificity || other.position - one.position;
}

function rangesOf(accept: string): MediaRange[] {
  return (accept.match(RANGES) ?? []).flatMap((text, position) => {
    const [type = '', ...parameters] = (text.match(PARAMETERS) ?? []).map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
    // What has other parameters is a version of a type that is not ours.
    const isPlain = parameters.every((parameter) => parameter.startsWith('q='));
    return isPlain && QUALITY.test(weight) ? [{ type, quality: Number(weight), position }] : [];
  });
}

function matchOf(type: string, ranges: readonly MediaRange[]): Match | undefined {
  const patterns = ['*/*', `${type.split('/', 1)[0]}/*`, type];
  const matches = ranges.map((range) => ({ ...range, specificity: patterns.indexOf(range.type) }));
  const [best] = matches
    .filter(({ specificity }) => specificity >= 0)
    .toSorted((a, b) => b.specificity - a.specificity || b.quality - a.quality || b.position - a.position);
  return best;
}
