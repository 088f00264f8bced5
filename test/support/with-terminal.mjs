// For `node --import`: a process that takes its streams for a terminal, at which somebody can be asked.
for (const stream of [process.stdin, process.stderr]) Object.defineProperty(stream, 'isTTY', { value: true });
