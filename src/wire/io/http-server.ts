/** What the coordinator's and the workers' HTTP servers share: listening, closing, refusing. */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { assert } from "../../base/assert.ts";
import { BabelgradError } from "../../base/errors.ts";

/** Listens and resolves to the port; throws `port-taken`, which names the option that the port is from. */
export function listenOn(server: Server, host: string, port: number, option = "net.port"): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") {
        const why = error.code === "EACCES" ? "this user may not listen there" : "another program listens there";
        reject(new BabelgradError("port-taken", `Port ${port} of ${host} cannot be used: ${why}.`, { option }, { cause: error }));
      } else reject(error);
    };
    server.once("error", failed);
    server.listen(port, host, () => {
      server.off("error", failed);
      const address = server.address();
      assert(typeof address === "object" && address !== null, "a TCP server has an address");
      resolve((address satisfies AddressInfo).port);
    });
  });
}

export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Browsers send an Origin, workers never do: a web page must not reach these ports through its visitor. */
export function isBrowser(request: IncomingMessage): boolean {
  return request.headers.origin !== undefined;
}

/** The credential after `Authorization: SCHEME `, or undefined. */
export function credential(request: IncomingMessage, scheme: "Bearer" | "Ticket"): string | undefined {
  const { authorization = "" } = request.headers;
  return authorization.startsWith(`${scheme} `) ? authorization.slice(scheme.length + 1) : undefined;
}

export function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  socket.on("error", () => {}); // it may be gone already
  socket.once("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(reason)}\r\n\r\n${reason}`,
  );
}

export function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" }).end(`${text}\n`);
}
