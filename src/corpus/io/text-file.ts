/** The text of a UTF-8 file, plain or gzip, streamed; what is wrong with it becomes an error that names the file. */
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { BabelgradError } from "../../base/errors.ts";

/** Pieces of the file's text, cut anywhere between characters. @throws BabelgradError `corpus-*` */
export async function* textOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let length = 0;
  const decodedPiece = (bytes?: Uint8Array): string => {
    let text: string;
    try {
      text = bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (cause) {
      throw new BabelgradError("corpus-binary", `${path} is not UTF-8 text (after ${length} characters)`, { file: path }, { cause });
    }
    const zero = text.indexOf("\0");
    if (zero >= 0) throw new BabelgradError("corpus-binary", `${path} has a zero byte (after ${length + zero} characters)`, { file: path });
    length += text.length;
    return text;
  };
  for await (const bytes of bytesOf(path)) yield decodedPiece(bytes);
  yield decodedPiece();
}

/** Lines without their ends (LF or CRLF). */
export async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of textOf(path)) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield withoutReturn(line);
  }
  if (rest !== "") yield withoutReturn(rest);
}

async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: 1 << 20 });
  const source = path.endsWith(".gz") ? unzipped(file) : file;
  try {
    for await (const chunk of source) yield chunk as Uint8Array; // proof: neither stream has an encoding
  } catch (cause) {
    if (cause instanceof BabelgradError) throw cause;
    if (cause instanceof Error && cause.message === "unexpected end of file")
      throw new BabelgradError("corpus-truncated", `${path} ends in the middle of its gzip data`, { file: path }, { cause });
    throw new BabelgradError("corpus-unreadable", `${path} cannot be read`, { file: path }, { cause });
  }
}

function unzipped(file: Readable): Readable {
  const unzip = createGunzip();
  file.on("error", (error) => unzip.destroy(error));
  unzip.on("close", () => file.destroy());
  return file.pipe(unzip);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
