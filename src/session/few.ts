/** Usually one, seldom more, as each socket and each watched session has them: a list of one takes three times the room of the one. */
export type Few<T extends object> = T | readonly T[] | undefined;

export function withOneMore<T extends object>(few: Few<T>, one: T): Few<T> {
  return few === undefined ? one : [...listOf(few), one];
}

export function without<T extends object>(few: Few<T>, isOut: (one: T) => boolean): Few<T> {
  const left = listOf(few).filter((one) => !isOut(one));
  return left.length > 1 ? left : left[0];
}

export function listOf<T extends object>(few: Few<T>): readonly T[] {
  if (few === undefined) return [];
  return isList(few) ? few : [few];
}

function isList<T extends object>(few: T | readonly T[]): few is readonly T[] {
  return Array.isArray(few);
}
