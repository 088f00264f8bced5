/** For a text that is remembered: one that is part of another, as a sid is of a header, keeps the whole other one in memory. */
export function ownCopy<Text extends string>(text: Text): Text {
  return Buffer.from(text).toString() as Text;
}
