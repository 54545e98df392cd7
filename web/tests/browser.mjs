// Chromium with a WebGPU that runs on the processor (SwiftShader), and the site on a local server.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

import { serve } from "../serve.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** The files of the repository, by their paths. */
export const at = (path) => root + path;

const QUIET = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const WEBGPU = [
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-angle=swiftshader",
  "--use-webgpu-adapter=swiftshader",
];

/** Milliseconds that anything may take here: two processors, and no GPU. */
export const PATIENCE = 120_000;

/** A browser with WebGPU. */
export async function launch() {
  const executablePath = process.env.BDLM_CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executablePath)) throw new Error(`there is no ${executablePath}: run ./setup.sh --browser`);
  return chromium.launch({ executablePath, args: [...QUIET, ...WEBGPU] });
}

/** The site, with checkpoints of the tests as a hub of their own. */
export async function site() {
  return serve({
    "/": at("target/web/site/"),
    "/hub/tests/qwen3/resolve/main/": at("tests/fixtures/qwen3-block4/"),
    "/hub/tests/tales/resolve/main/": at("assets/tales/"),
    "/fixtures/": at("tests/fixtures/"),
  });
}

/** A page that fails the test with what goes wrong in it. */
export async function open(browser, address, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
  page.setDefaultTimeout(PATIENCE);
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") page.faults.push(message.text());
  });
  await page.goto(address);
  return page;
}

/** What the page says that it shows. */
export async function shown(page) {
  return page.evaluate(() => {
    const [status, text] = ["state", "text"].map((id) => document.getElementById(id));
    return { ...status.dataset, status: status.textContent, text: text.textContent };
  });
}

/** Waits until what is shown fits. */
export async function until(page, fits, what) {
  const begun = Date.now();
  for (;;) {
    const now = await shown(page);
    if (fits(now)) return now;
    if (Date.now() - begun > PATIENCE) {
      throw new Error(`${what} did not come: ${JSON.stringify(now)}, ${page.faults.join("; ")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** How many colours a picture has, at most a thousand (a blank canvas has one), and its mean brightness. */
export async function look(page, picture) {
  return page.evaluate(async (base64) => {
    const blob = await (await fetch(`data:image/png;base64,${base64}`)).blob();
    const image = await createImageBitmap(blob);
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    const found = new Set(new Uint32Array(data.buffer));
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
    return { colours: Math.min(found.size, 1000), brightness: sum / (data.length * 0.75) / 255 };
  }, picture.toString("base64"));
}
