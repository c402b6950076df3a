/**
 * A tokenizer read from a Hugging Face tokenizer.json: byte-level BPE, bytes or characters. The ids are those that
 * Hugging Face's own library gives for the same file, with one difference: text that spells `<|endoftext|>` is text, so no
 * document can end itself. The last id is end-of-text everywhere.
 */
import { assert, present } from "../base/assert.ts";
import { BabelgradError } from "../base/errors.ts";
import { binaryOf, bytesOfBinary } from "./byte-text.ts";
import { mergeWord, type Ranks } from "./merge.ts";
import { parseTokenizerFile, type TokenizerFile } from "./tokenizer-file.ts";
import { wordsOf } from "./word.ts";

export interface Tokenizer {
  readonly kind: "bpe" | "characters" | "bytes";
  /** Tokens, end-of-text included; ids are 0 … vocabulary − 1. */
  readonly vocabulary: number;
  readonly endOfText: number;
  /** UTF-8 bytes of each token; 0 for end-of-text. */
  readonly byteLengths: Int32Array;
  encode(text: string): Uint16Array;
  /** The bytes a token stands for; none for end-of-text. */
  bytesOf(token: number): Uint8Array;
}

/** @throws BabelgradError `tokenizer-invalid` when the JSON is none of the kinds. */
export function parseTokenizer(json: string): Tokenizer {
  return tokenizerOf(parseTokenizerFile(json));
}

export function tokenizerOf(file: TokenizerFile): Tokenizer {
  const binaries = file.kind === "characters" ? file.tokens.map(binaryOf) : file.tokens;
  const endOfText = binaries.length;
  const tokenBytes = [...binaries.map(bytesOfBinary), new Uint8Array(0)];
  return {
    kind: file.kind,
    vocabulary: endOfText + 1,
    endOfText,
    byteLengths: Int32Array.from(tokenBytes, (bytes) => bytes.length),
    encode: file.kind === "characters" ? charactersEncoder(file.tokens) : bpeEncoder(file),
    bytesOf(token) {
      return present(tokenBytes[token], `token ${token} is below the vocabulary of ${endOfText + 1}`);
    },
  };
}

/** The text of whole tokens; bytes that are no UTF-8 become U+FFFD. */
export function decode(tokenizer: Tokenizer, tokens: Iterable<number>): string {
  const stream = textStream(tokenizer);
  let text = "";
  for (const token of tokens) text += stream.push(token);
  return text + stream.end();
}

/** Text of tokens as they come: a character appears when its last byte is there, `end` shows what was left unfinished. */
export function textStream(tokenizer: Tokenizer): { push(token: number): string; end(): string } {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    push: (token) => decoder.decode(tokenizer.bytesOf(token), { stream: true }),
    end: () => decoder.decode(),
  };
}

function charactersEncoder(tokens: readonly string[]): (text: string) => Uint16Array {
  const ids = new Map(tokens.map((character, id) => [character, id]));
  return (text) => {
    const out = new Uint16Array(text.length);
    let length = 0;
    for (const character of text) {
      const id = ids.get(character);
      if (id === undefined) {
        const point = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
        throw new BabelgradError("character-unknown", `the tokenizer has no token for ${JSON.stringify(character)} (U+${point})`);
      }
      out[length++] = id;
    }
    return out.slice(0, length);
  };
}

const utf8 = new TextEncoder();

/** Words repeat, so their tokens are remembered: at most this many words, then the memory starts afresh. */
const wordsRemembered = 100_000;

function bpeEncoder(file: TokenizerFile): (text: string) => Uint16Array {
  const ids = new Map(file.tokens.map((binary, id) => [binary, id]));
  const byteIds = Array.from({ length: 256 }, (_, byte) =>
    present(ids.get(String.fromCharCode(byte)), "a byte-level vocabulary has every byte"),
  );
  const ranks: Ranks = new Map();
  file.merges.forEach(([left, right], rank) => {
    const leftId = ids.get(left);
    const rightId = ids.get(right);
    const merged = ids.get(left + right);
    assert(leftId !== undefined && rightId !== undefined && merged !== undefined, "merges name tokens of the vocabulary");
    ranks.set(leftId * 0x1_0000 + rightId, { rank, merged });
  });
  const bytesOfWord = (word: string): readonly number[] => Array.from(utf8.encode(word), (byte) => byteIds[byte] ?? 0);
  // Without merges the cut into words changes nothing.
  if (file.merges.length === 0) return (text) => Uint16Array.from(bytesOfWord(text));
  const remembered = new Map<string, readonly number[]>();
  const encodeWord = (word: string): readonly number[] => {
    let tokens = remembered.get(word);
    if (tokens === undefined) {
      tokens = mergeWord(bytesOfWord(word), ranks);
      if (remembered.size >= wordsRemembered) remembered.clear();
      remembered.set(word, tokens);
    }
    return tokens;
  };
  return (text) => {
    const pieces = wordsOf(text).map(encodeWord);
    const out = new Uint16Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  };
}
