import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, '.cache', `examples-${process.pid}`);

/** The first block of TypeScript in a document as a module, with the sources in the place of the package. */
export async function firstExampleOf<Example>(document: string): Promise<Example> {
  const text = await readFile(join(ROOT, document), 'utf8');
  const [, code] = /^```ts\n([\s\S]*?)^```$/m.exec(text) ?? [];
  if (code === undefined) throw new Error(`${document} has no block of TypeScript`);
  const compilerOptions = { target: ts.ScriptTarget.ES2023, experimentalDecorators: true, emitDecoratorMetadata: true };
  const { outputText } = ts.transpileModule(code, { compilerOptions });
  const file = join(FOLDER, `${document.replaceAll(/\W+/g, '-')}.mjs`);
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
