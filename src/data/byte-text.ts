/**
 * Bytes as text, twice. *Binary* strings hold byte b as code unit b, so comparing strings compares bytes; inside the
 * program. *Visible* strings give each byte a printable character, GPT-2's alphabet; in tokenizer.json.
 */

const utf8 = new TextEncoder();

/** Binary string of a text's UTF-8 bytes; half a surrogate pair becomes U+FFFD. */
export function binaryOf(text: string): string {
  let binary = "";
  for (const byte of utf8.encode(text)) binary += String.fromCharCode(byte);
  return binary;
}

export function bytesOfBinary(binary: string): Uint8Array {
  return Uint8Array.from(binary, (unit) => unit.charCodeAt(0));
}

/** A visible string for a binary one. */
export function visibleOf(binary: string): string {
  let visible = "";
  for (let i = 0; i < binary.length; i++) visible += alphabet[binary.charCodeAt(i)] ?? "";
  return visible;
}

/** The binary string that a visible one stands for; undefined when a character is none of the alphabet's. */
export function binaryOfVisible(visible: string): string | undefined {
  let binary = "";
  for (const character of visible) {
    const byte = bytes.get(character);
    if (byte === undefined) return undefined;
    binary += String.fromCharCode(byte);
  }
  return binary;
}

/** Printable bytes stand for themselves, the others take the code points from 256 on, in order. */
const alphabet: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte).map(
  (
    (next) => (byte) =>
      isPrintable(byte) ? String.fromCharCode(byte) : String.fromCharCode(next++)
  )(256),
);
const bytes: ReadonlyMap<string, number> = new Map(alphabet.map((character, byte) => [character, byte]));

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}
