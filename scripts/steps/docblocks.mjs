// Every name that an entry of the package exports says what it is, in a sentence above its declaration.
import { commentOf, conclude, createProgram, entries, exportsOf } from './public-api.mjs';

const all = entries();
const program = createProgram(all.map(({ source }) => source));

let count = 0;
const undocumented = new Set();
for (const { module, source } of all) {
  for (const { name, symbol } of exportsOf(program, source)) {
    count += 1;
    if (commentOf(program, symbol) === '') undocumented.add(`${name} of ${module} has no sentence that says what it is`);
  }
}

conclude([...undocumented], `${count} exports have a docblock`);
