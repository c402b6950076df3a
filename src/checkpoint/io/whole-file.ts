/** Files as wholes: written to the last byte, read to the last byte, replaced in one go. */
import type { Disk, DiskFile } from "../../base/disk.ts";

/** Writes all bytes, however many writes the disk makes of them. */
export async function writeAll(file: DiskFile, position: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += await file.write(position + done, bytes.subarray(done));
}

/** The bytes of a file; undefined when it is not there. */
export async function readWhole(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  const file = await disk.openExisting(path);
  if (file === undefined) return undefined;
  try {
    return await file.read(0, await file.size());
  } finally {
    await file.close();
  }
}

/** Writes a new file and syncs its bytes; its name is safe after a `syncFolder`. */
export async function writeWhole(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path);
  try {
    await file.truncate(0);
    await writeAll(file, 0, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Replaces a small file of `folder`: whoever reads it sees the old bytes or the new ones, also after a crash. */
export async function replaceWhole(disk: Disk, folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const beside = `${folder}/.partial-${name}`;
  await writeWhole(disk, beside, bytes);
  await disk.rename(beside, `${folder}/${name}`);
  await disk.syncFolder(folder);
}
