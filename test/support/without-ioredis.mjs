// For `node --import`: a process in which ioredis is not installed.
import { register } from 'node:module';

if (!import.meta.url.includes('?hooks')) register(`${import.meta.url}?hooks`);

export async function resolve(specifier, context, next) {
  if (specifier !== 'ioredis') return next(specifier, context);
  throw Object.assign(new Error(`Cannot find package 'ioredis' imported from ${context.parentURL}`), { code: 'ERR_MODULE_NOT_FOUND' });
}
