// A small server of files, as any other: node web/serve.mjs FOLDER [PORT]. Nothing special is in its
// headers. Tests also mount other folders.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, posix } from "node:path";
import { pathToFileURL } from "node:url";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** Serves folders by the beginnings of their addresses; the longest one that fits counts. */
export async function serve(folders, port = 0) {
  const mounts = Object.entries(folders).sort(([a], [b]) => b.length - a.length);
  const server = createServer(async (request, response) => {
    let path;
    try {
      path = posix.normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    } catch {
      response.writeHead(400).end();
      return;
    }
    const [mount, folder] = mounts.find(([mount]) => path.startsWith(mount)) ?? [];
    let file = folder && join(folder, path.slice(mount.length));
    if (file?.endsWith("/")) file += "index.html";
    const found = file && (await stat(file).catch(() => undefined));
    if (!found?.isFile()) {
      response.writeHead(404, { "access-control-allow-origin": "*" }).end();
      return;
    }
    response.writeHead(200, {
      "access-control-allow-origin": "*",
      "content-length": found.size,
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
    });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { server, address: `http://localhost:${server.address().port}` };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [folder = ".", port = "8000"] = process.argv.slice(2);
  const { address } = await serve({ "/": folder }, Number(port));
  console.log(`${folder} is at ${address}`);
}
