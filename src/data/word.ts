/**
 * How text is cut into words before byte-pair encoding: GPT-2's pattern. No merge crosses a word. The pattern covers
 * every character, so the words joined are the text.
 */
import { letters, numbers, spaces } from "./unicode.ts";

const pattern = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?[${letters}]+| ?[${numbers}]+| ?[^${spaces}${letters}${numbers}]+|[${spaces}]+(?![^${spaces}])|[${spaces}]+`,
  "gu",
);

export function wordsOf(text: string): readonly string[] {
  return text.match(pattern) ?? [];
}
