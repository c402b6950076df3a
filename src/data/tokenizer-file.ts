/**
 * tokenizer.json of Hugging Face, read and written. All three kinds are its BPE model: `bytes` has no merges, and
 * `characters` has no merges and no byte-level cut either, so the library finds every character as a token.
 */
import { BabelgradError } from "../base/errors.ts";
import { binaryOfVisible, visibleOf } from "./byte-text.ts";

export interface TokenizerFile {
  readonly kind: "bpe" | "characters" | "bytes";
  /** Tokens by id, without end-of-text: binary strings, or for `characters` the characters themselves. */
  readonly tokens: readonly string[];
  /** Pairs of tokens in the order they were learnt. */
  readonly merges: readonly (readonly [left: string, right: string])[];
}

export const endOfTextToken = "<|endoftext|>";

/** The file's text; equal tokenizers give equal text. */
export function tokenizerJson(file: TokenizerFile): string {
  const show = file.kind === "characters" ? (token: string) => token : visibleOf;
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: file.kind === "bpe" };
  // Written by hand: an object would put the token "1" before "a".
  const vocab = [...file.tokens.map(show), endOfTextToken].map((token, id) => `      ${JSON.stringify(token)}: ${id}`).join(",\n");
  const endOfText = {
    id: file.tokens.length,
    content: endOfTextToken,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  };
  const model = {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: {},
    merges: [],
  };
  const whole = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [endOfText],
    normalizer: null,
    pre_tokenizer: file.kind === "characters" ? null : byteLevel,
    post_processor: null,
    decoder: file.kind === "characters" ? { type: "Fuse" } : byteLevel,
    model,
  };
  const merges = file.merges.map((pair) => `      ${JSON.stringify(pair.map(show))}`).join(",\n");
  return `${JSON.stringify(whole, null, 2)}\n`
    .replace('    "vocab": {}', () => `    "vocab": {\n${vocab}\n    }`)
    .replace('    "merges": []', () => (merges === "" ? '    "merges": []' : `    "merges": [\n${merges}\n    ]`));
}

/** @throws BabelgradError `tokenizer-invalid` with what is missing. */
export function parseTokenizerFile(json: string): TokenizerFile {
  let root: unknown;
  try {
    root = JSON.parse(json);
  } catch (cause) {
    throw new BabelgradError("tokenizer-invalid", "the tokenizer is not JSON", {}, { cause });
  }
  const model = record(record(root, "root").model, "model");
  if (model.type !== "BPE") throw invalid(`model.type is ${JSON.stringify(model.type)}, not "BPE"`);
  const isByteLevel = record(root, "root").pre_tokenizer !== null;
  const all: string[] = [];
  for (const [token, id] of Object.entries(record(model.vocab, "model.vocab"))) {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > 0xffff)
      throw invalid(`model.vocab: ${JSON.stringify(token)} has no id below 65,536`);
    all[id] = token;
  }
  if (all.length < 2 || all.pop() !== endOfTextToken) throw invalid(`model.vocab: the last token is not ${endOfTextToken}`);
  const read = (visible: string): string => {
    const token = isByteLevel ? binaryOfVisible(visible) : visible;
    if (token === undefined) throw invalid(`${JSON.stringify(visible)} is no byte-level token`);
    return token;
  };
  const tokens = Array.from(all, (token: string | undefined, id) => {
    if (token === undefined) throw invalid(`model.vocab: no token has id ${id}`);
    return read(token);
  });
  if (!Array.isArray(model.merges)) throw invalid("model.merges is not a list");
  const known = new Set(tokens);
  const merges = model.merges.map((entry: unknown): readonly [string, string] => {
    const [left, right] = pairOf(entry).map(read);
    if (left === undefined || right === undefined || !known.has(left) || !known.has(right) || !known.has(left + right))
      throw invalid(`model.merges: ${JSON.stringify(entry)} names a token that is not in model.vocab`);
    return [left, right];
  });
  const missing = isByteLevel
    ? Array.from({ length: 256 }, (_, byte) => byte).find((byte) => !known.has(String.fromCharCode(byte)))
    : undefined;
  if (missing !== undefined) throw invalid(`model.vocab: no token for byte ${missing}`);
  return { kind: !isByteLevel ? "characters" : merges.length === 0 ? "bytes" : "bpe", tokens, merges };
}

/** A merge is written ["a", "b"], or "a b" in older files. */
function pairOf(entry: unknown): readonly string[] {
  if (typeof entry === "string") return entry.split(" ");
  return Array.isArray(entry) ? entry.filter((part: unknown) => typeof part === "string") : [];
}

function record(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(`${name} is not an object`);
  return value as Readonly<Record<string, unknown>>; // proof: the line above
}

function invalid(what: string): BabelgradError {
  return new BabelgradError("tokenizer-invalid", `tokenizer.json: ${what}`);
}
