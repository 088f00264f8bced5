/**
 * An object with hidden properties: they can be read by name, but are not enumerated, logged, spread or put into JSON. For secrets. Never spread the result:
 * the hidden properties would be lost without a word.
 */
export function withHiddenProperties<Shown extends object, Secret extends object>(shown: Shown, secret: Secret): Shown & Secret {
  const accessors = Object.entries(secret).map(([name, value]) => [name, { get: () => value as unknown }]);
  const prototype: object = Object.create(Object.prototype, Object.fromEntries(accessors) as PropertyDescriptorMap) as object;
  return Object.assign(Object.create(prototype) as Shown & Secret, shown);
}
