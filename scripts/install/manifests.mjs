import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The package.json files that ask for other packages than package-lock.json knows of: that of the repository and those of its workspaces.
 *
 * @param {string} root
 * @param {{ packages: Record<string, { workspaces?: string[] }> }} lock
 * @returns {string[]}
 */
export function manifestsUnlike(root, lock) {
  return ['', ...(lock.packages['']?.workspaces ?? [])]
    .map((folder) => ({ file: path.posix.join(folder, 'package.json'), locked: lock.packages[folder] ?? {} }))
    .filter(({ file, locked }) => declared(JSON.parse(readFileSync(path.join(root, file), 'utf8'))) !== declared(locked))
    .map(({ file }) => file);
}

function declared({ workspaces = [], dependencies, devDependencies, peerDependencies, optionalDependencies }) {
  return JSON.stringify([workspaces, ...[dependencies, devDependencies, peerDependencies, optionalDependencies].map(sorted)]);
}

function sorted(record = {}) {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
