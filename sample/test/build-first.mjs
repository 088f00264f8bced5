export { buildAll as default } from '../../scripts/build.mjs';
