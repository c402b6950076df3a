/**
 * What every process tells everybody who may reach its port, without a token: Prometheus its metrics and where the
 * workers are, and whoever keeps the process running whether it lives and is ready.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { answer, isBrowser } from "./http-server.ts";

export interface StatusPages {
  /** In the text format of Prometheus. */
  metrics(): Promise<string>;
  isHealthy(): boolean;
  isReady(): boolean;
  /** The workers that are connected, for Prometheus to find them; undefined where nobody knows. */
  readonly targets?: () => readonly Target[];
}

interface Target {
  readonly worker: string;
  /** HOST:PORT */
  readonly address: string;
}

/** Answers a request for one of the pages; false: it is for something else. */
export async function answerStatus(request: IncomingMessage, response: ServerResponse, pages: StatusPages): Promise<boolean> {
  if (request.method !== "GET") return false;
  switch (request.url?.split("?", 1)[0]) {
    case "/metrics":
      send(response, "text/plain; version=0.0.4; charset=utf-8", await pages.metrics());
      return true;
    case "/healthz":
      answerHealth(response, pages.isHealthy());
      return true;
    case "/readyz":
      answerHealth(response, pages.isReady());
      return true;
    case "/sd": {
      const targets = pages.targets?.();
      if (targets === undefined) return false;
      send(
        response,
        "application/json",
        JSON.stringify(targets.map(({ worker, address }) => ({ targets: [address], labels: { worker } }))),
      );
      return true;
    }
    default:
      return false;
  }
}

/** A server of the pages and of nothing else; it does not listen yet. */
export function statusServer(pages: StatusPages): Server {
  return createServer((request, response) => {
    if (isBrowser(request)) return answer(response, 403, "not for browsers");
    void answerStatus(request, response, pages).then((isAnswered) => {
      if (!isAnswered) answer(response, 404, "not here");
    });
  });
}

function send(response: ServerResponse, type: string, text: string): void {
  response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(text) }).end(text);
}

function answerHealth(response: ServerResponse, isWell: boolean): void {
  answer(response, isWell ? 200 : 503, isWell ? "ok" : "not yet");
}
