export { buildSample as default } from '../../scripts/demo/build.mjs';
