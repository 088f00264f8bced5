/** `error`: sessions are lost or refused. `warning`: they may be. `note`: it could be better; it does not count for the exit code. */
export type Severity = 'error' | 'warning' | 'note';

/** Something that is not as it should be. */
export interface Finding {
  /** A stable name. */
  readonly id: string;
  readonly severity: Severity;
  /** What was found. */
  readonly what: string;
  /** What comes of it. */
  readonly means: string;
  /** What to do, as it is typed. */
  readonly type: readonly string[];
  /** Of a Cluster, at which nodes. */
  readonly nodes?: readonly string[];
}

/** How to set something in Redis, now and for its next start. */
export function setting(name: string, value: string): readonly string[] {
  return [`redis-cli CONFIG SET ${name} ${value}`, 'redis-cli CONFIG REWRITE'];
}

/** The same finding of several nodes as one. */
export function together(findings: readonly Finding[]): Finding[] {
  const byText = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.id} ${finding.what}`;
    const before = byText.get(key);
    const nodes = [...(before?.nodes ?? []), ...(finding.nodes ?? [])];
    byText.set(key, nodes.length === 0 ? finding : { ...finding, nodes });
  }
  return [...byText.values()];
}
