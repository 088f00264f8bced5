import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { manifestsUnlike } from './manifests.mjs';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** `npm ci` when node_modules is absent, or is not what package-lock.json or a package.json says. Touches no network when nothing is missing. */
export function installPackages() {
  const reason = whatIsMissing();
  if (reason === undefined) return;
  console.log(`Installing npm packages (${reason})`);
  const { status } = spawnSync('npm', ['ci', '--include=dev', '--prefer-offline', '--no-audit', '--no-fund'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) {
    console.error('npm ci failed. Mend what it says above, or type: npm install');
    process.exit(1);
  }
}

function whatIsMissing() {
  const wanted = readJson('package-lock.json');
  const installed = readJson('node_modules/.package-lock.json');
  if (installed === undefined) return 'none are installed';
  const [unlike] = manifestsUnlike(ROOT, wanted);
  if (unlike !== undefined) return `${unlike} is not what package-lock.json says`;

  for (const [location, entry] of Object.entries(wanted.packages)) {
    const have = installed.packages[location];
    // npm leaves out what is optional and made for another platform
    if (!location.startsWith('node_modules/') || (have === undefined && entry.optional)) continue;
    const same = have?.version === entry.version && have?.integrity === entry.integrity;
    if (!same || !existsSync(path.join(ROOT, location))) return `${location.slice('node_modules/'.length)} is missing or stale`;
  }
  return undefined;
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
