/** Paths as text: POSIX, without asking the disk. */

/** `path` as seen from `folder` (absolute). Empty text and `scheme:…` inputs are not paths and stay as they are. */
export function absolutePath(folder: string, path: string): string {
  if (path === "" || /^[a-z][a-z0-9]+:/.test(path)) return path;
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${folder}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
