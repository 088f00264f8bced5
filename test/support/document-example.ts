import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, '.cache', `examples-${process.pid}`);

let examples = 0;

export interface ExampleOptions {
  /** The first one under that heading. */
  readonly under?: string;
  /** What its reader changes. */
  readonly change?: (code: string) => string;
}

/** The first block of TypeScript in a document as a module, with the sources in the place of the package. */
export async function firstExampleOf<Example>(document: string, { under = '', change = same }: ExampleOptions = {}): Promise<Example> {
  const text = await readFile(join(ROOT, document), 'utf8');
  const begin = text.indexOf(under);
  const [, code] = /^```ts\n([\s\S]*?)^```$/m.exec(text.slice(begin)) ?? [];
  if (begin === -1 || code === undefined) throw new Error(`${document} has no block of TypeScript ${under}`);
  const compilerOptions = { target: ts.ScriptTarget.ES2023, experimentalDecorators: true, emitDecoratorMetadata: true };
  const { outputText } = ts.transpileModule(change(code), { compilerOptions });
  // Each its own: a module is loaded once under a name.
  const file = join(FOLDER, `${document.replaceAll(/\W+/g, '-')}-${++examples}.mjs`);
  await mkdir(FOLDER, { recursive: true });
  await writeFile(
    file,
    outputText.replaceAll(/'nestjs-redis-session(?:\/(\w+))?'/g, (_, entry = 'index') => `'../../src/${entry}.js'`),
  );
  try {
    return (await import(file)) as Example;
  } finally {
    await rm(file);
  }
}

function same(code: string): string {
  return code;
}
