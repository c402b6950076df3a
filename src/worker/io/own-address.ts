/** Which address of this machine others on the way to a host see; found without sending anything. */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { BabelgradError } from "../../base/errors.ts";

export function addressTowards(host: string, port: number): Promise<string> {
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => {
      socket.close();
      reject(new BabelgradError("usage", `this machine has no way to ${host} (${cause.message}); --advertise says where others reach it`));
    };
    socket.once("error", failed);
    // A datagram socket that is connected knows its route; the port matters to nobody.
    socket.connect(port, host, () => {
      const { address } = socket.address();
      socket.close();
      resolve(address);
    });
  });
}
