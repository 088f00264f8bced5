/**
 * An object with more properties than it shows: `JSON.stringify`, `console.log` and `{ ...object }` look at its own ones. For secrets, which those who ask
 * for them get, and no log.
 */
export function unshown<Shown extends object, Secret extends object>(shown: Shown, secret: Secret): Shown & Secret {
  const accessors = Object.entries(secret).map(([name, value]) => [name, { get: () => value as unknown }]);
  const prototype: object = Object.create(Object.prototype, Object.fromEntries(accessors) as PropertyDescriptorMap) as object;
  return Object.assign(Object.create(prototype) as Shown & Secret, shown);
}
