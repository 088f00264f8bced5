/** In this order: most browsers also claim to be others, which come later. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\b(?:OPR|OPT|Opera)\b/, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Headless)?Chrom(?:e|ium)\/|\bCriOS\//, 'Chrome'],
  [/\bVersion\/.*\bSafari\//, 'Safari'],
];

const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  // An iPad says the same, unless it was asked to show pages as a phone does.
  [/\bMacintosh\b/, 'Mac'],
  [/\bLinux\b/, 'Linux'],
];

/**
 * A `User-Agent` in words, for its user to recognise: "Firefox on Windows". Versions are left out, since browsers no longer tell them truly. What
 * is not known is said to be unknown; a client can claim whatever it likes, so decide nothing by it.
 */
export function deviceName(userAgent: string | undefined): string {
  const browser = firstOf(BROWSERS, userAgent) ?? 'Unknown browser';
  const system = firstOf(SYSTEMS, userAgent);
  return system === undefined ? browser : `${browser} on ${system}`;
}

function firstOf(rules: typeof BROWSERS, userAgent = ''): string | undefined {
  return rules.find(([pattern]) => pattern.test(userAgent))?.[1];
}
