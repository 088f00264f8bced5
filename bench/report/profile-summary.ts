import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where something was spent, per request: microseconds, or bytes. */
export interface ProfileSummary {
  readonly total: number;
  /** The most expensive first, by what was spent in the function itself. */
  readonly functions: readonly FunctionCost[];
  /** Package, or file of ours, to what was spent in it and, called from it, in Node and in V8. */
  readonly owners: ReadonlyMap<string, number>;
}

interface FunctionCost {
  readonly name: string;
  readonly place: string;
  readonly owner: string;
  readonly self: number;
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** One place in the tree of calls. */
interface CallNode {
  readonly frame: CallFrame;
  readonly self: number;
  readonly children: readonly CallNode[];
}

/** The part of a `.cpuprofile` that is read here. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame; readonly children?: readonly number[] }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** The part of a `.heapprofile` that is read here. */
export interface HeapProfile {
  readonly head: HeapNode;
}

interface HeapNode {
  readonly callFrame: CallFrame;
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

export function summariseTime({ nodes, samples, timeDeltas }: CpuProfile, requests: number): ProfileSummary {
  const times = new Map<number, number>();
  for (const [index, id] of samples.entries()) times.set(id, (times.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const read = (id: number): CallNode[] => {
    const node = byId.get(id);
    if (node === undefined || node.callFrame.functionName === '(idle)') return [];
    return [{ frame: node.callFrame, self: times.get(id) ?? 0, children: (node.children ?? []).flatMap(read) }];
  };
  return summarise(read(nodes[0]?.id ?? 0), requests);
}

export function summariseAllocations({ head }: HeapProfile, requests: number): ProfileSummary {
  const read = ({ callFrame, selfSize, children }: HeapNode): CallNode => ({
    frame: callFrame,
    self: selfSize,
    children: children.map(read),
  });
  return summarise([read(head)], requests);
}

function summarise(roots: readonly CallNode[], requests: number): ProfileSummary {
  const functions = new Map<string, FunctionCost>();
  const owners = new Map<string, number>();
  let total = 0;
  const visit = ({ frame, self, children }: CallNode, inherited: string) => {
    const owner = ownerOf(frame) ?? inherited;
    const cost = self / requests;
    const { name, place } = describe(frame);
    const key = `${name} ${place} ${owner}`;
    functions.set(key, { name, place, owner, self: (functions.get(key)?.self ?? 0) + cost });
    owners.set(owner, (owners.get(owner) ?? 0) + cost);
    total += cost;
    for (const child of children) visit(child, owner);
  };
  for (const root of roots) visit(root, 'node');
  return { total, owners, functions: [...functions.values()].toSorted((a, b) => b.self - a.self) };
}

/** Node's HTTP server is an owner of its own: whoever ends a response would otherwise have to answer for the writing of it. */
function ownerOf({ url, functionName }: CallFrame): string | undefined {
  if (functionName === '(garbage collector)' || functionName === '(program)') return functionName;
  if (url.startsWith('node:_http_')) return 'node http';
  if (!isFile(url)) return undefined;
  const file = placeOf(url);
  const [, ...packages] = file.split('node_modules/');
  const inPackage = packages.at(-1);
  if (inPackage === undefined) return file;
  return inPackage
    .split('/')
    .slice(0, inPackage.startsWith('@') ? 2 : 1)
    .join('/');
}

function describe({ functionName, url, lineNumber }: CallFrame): { name: string; place: string } {
  return { name: functionName === '' ? '(anonymous)' : functionName, place: url === '' ? '' : `${placeOf(url)}:${lineNumber + 1}` };
}

function placeOf(url: string): string {
  if (!isFile(url)) return url;
  return path.relative('.', url.startsWith('file:') ? fileURLToPath(url) : url).replace(/^\.cache\/bench\//, '');
}

/** Modules of either kind; a heap profile has those of CommonJS as paths. */
function isFile(url: string): boolean {
  return url.startsWith('file:') || path.isAbsolute(url);
}
