// The window as a page.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";

import { at, launch, look, open, shown, site, until } from "./browser.mjs";

let browser, served;
const pictures = at("target/web/pictures/");

before(async () => {
  mkdirSync(pictures, { recursive: true });
  [browser, served] = [await launch(), await site()];
});
after(async () => {
  await browser?.close();
  served?.server.close();
});

const isReady = (now) => now.state === "ready";
const isBanner = (now) => now.state === "banner";
const isOver = (now) => now.state === "paused" && Number(now.moments) > 0;

/** Drops files on the canvas, as the browser does. */
async function drop(page, files) {
  await page.evaluate(async (files) => {
    const data = new DataTransfer();
    for (const [name, source] of files) {
      const bytes = source.startsWith("/") ? await (await fetch(source)).arrayBuffer() : source;
      data.items.add(new File([bytes], name));
    }
    const canvas = document.getElementById("canvas");
    for (const kind of ["dragover", "drop"]) {
      canvas.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
  }, files);
}

test("the page opens, and an address with a prompt and a seed starts a text", async () => {
  const begun = Date.now();
  const query = "?prompt=Once%20upon%20a%20time&seed=3&length=40";
  const page = await open(browser, `${served.address}/${query}`);
  await until(page, (now) => Number(now.moments) > 4, "the first block");
  const times = await page.evaluate(() => {
    return performance.getEntriesByType("paint").map((paint) => [paint.name, paint.startTime]);
  });
  // Measured, not asserted: the machine may be busy.
  console.log(JSON.stringify({ paint_ms: times, first_block_ms: Date.now() - begun }));

  const over = await until(page, isOver, "the end of the text");
  assert.match(over.text, /^Once upon a time\S*.{20}/s);
  const picture = await page.screenshot({ path: `${pictures}text.png` });
  assert.ok((await look(page, picture)).colours > 30, "the canvas is blank");
  assert.deepEqual(page.faults, []);

  const again = await open(browser, `${served.address}/${query}`);
  const same = await until(again, isOver, "the same text");
  assert.equal(same.text, over.text);
  await page.close();
  await again.close();
});

test("a text can be paused, and goes on step by step", async () => {
  const page = await open(browser, `${served.address}/?prompt=The%20cat&seed=1&length=128`);
  await until(page, (now) => now.state === "playing" && Number(now.moments) > 3, "steps");
  await page.locator("#canvas").focus();
  await page.keyboard.press("Space");
  await until(page, (now) => now.state === "paused", "the pause");
  // The step that was being computed still comes.
  const wait = () => new Promise((resolve) => setTimeout(resolve, 2000));
  await wait();
  const paused = await shown(page);
  await wait();
  const still = await shown(page);
  assert.equal(still.moment, paused.moment, "nothing is shown while it is paused");
  await page.keyboard.press("ArrowRight");
  const stepped = await until(page, (now) => now.moment !== still.moment, "a step");
  assert.equal(Number(stepped.moment), Number(still.moment) + 1);
  assert.deepEqual(page.faults, []);
  await page.close();
});

test("dropped files are a model, and broken ones give a message", async () => {
  const page = await open(browser, served.address);
  await until(page, isReady, "the default model");
  const tales = ["config.json", "model.safetensors", "tokenizer.json", "generation_config.json"];
  await drop(page, tales.map((name) => [name, `/pkg/tales/${name}`]));
  await until(page, (now) => isReady(now) && now.model === "your files", "the model that was dropped");

  await drop(page, [["config.json", "/pkg/tales/config.json"], ["model.safetensors", "no tensors at all"]]);
  const failed = await until(page, isBanner, "the message");
  assert.match(failed.status, /your files could not be loaded.*model\.safetensors/s);

  await drop(page, [["model.safetensors", "/pkg/tales/model.safetensors"]]);
  const alone = await until(page, (now) => isBanner(now) && now.status !== failed.status, "the other message");
  assert.match(alone.status, /no config\.json/);
  await page.close();
});

test("a link asks before it fetches a model, and does not fetch it again", async () => {
  const hub = `${served.address}/hub`;
  const query = `?hub=${encodeURIComponent(hub)}&model=tests/tales`;
  const context = await browser.newContext();
  const asked = [];
  context.on("request", (request) => {
    if (request.url().includes("/hub/")) asked.push(request.url());
  });
  const page = await open(context, `${served.address}/${query}`);
  const question = await until(page, isBanner, "the question");
  assert.match(question.status, /asks for the model tests\/tales.*downloaded from http/s);
  assert.deepEqual(asked, []);

  await page.evaluate(async (hub) => {
    const { load } = await import("/pkg/bdlm.js");
    await (await load("tests/tales", undefined, { hub })).free();
  }, hub);
  assert.ok(asked.some((url) => url.endsWith("model.safetensors")));
  asked.length = 0;
  await page.reload();
  await until(page, (now) => isReady(now) && now.model === "tests/tales", "the model that is kept");
  assert.deepEqual(asked, [], "nothing is asked for again");

  // A plain visit afterwards has the default model: a link changes nothing that is kept.
  await page.goto(served.address);
  await until(page, (now) => isReady(now) && now.model === "tales", "the default model");
  await context.close();
});

test("a link with settings wins over the model's own", async () => {
  const at = (more) => `${served.address}/?prompt=The%20sun&seed=9&length=24${more}`;
  const texts = [];
  for (const more of ["", "&top_p=1", "&top_p=1&temperature=1.6"]) {
    const page = await open(browser, at(more));
    texts.push((await until(page, isOver, "the text")).text);
    await page.close();
  }
  assert.equal(new Set(texts).size, 3, `each differs: ${texts.join(" | ")}`);
});

test("on a telephone and in the light theme the page fits", async () => {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: "light" };
  const page = await open(browser, `${served.address}/?prompt=A%20dog&seed=2&length=32`, phone);
  await until(page, isOver, "the text");
  const light = await look(page, await page.screenshot({ path: `${pictures}phone.png` }));
  assert.ok(light.colours > 30 && light.brightness > 0.8, `${JSON.stringify(light)}`);
  const [size, overflows] = await page.evaluate(() => {
    const { clientWidth, clientHeight } = document.getElementById("canvas");
    const { scrollWidth, scrollHeight } = document.documentElement;
    return [[clientWidth, clientHeight], scrollWidth > 390 || scrollHeight > 844];
  });
  assert.deepEqual([size, overflows], [[390, 844], false]);
  await page.close();

  const dark = await open(browser, `${served.address}/?theme=dark`, { ...phone, colorScheme: "dark" });
  await until(dark, isReady, "the model");
  const night = await look(dark, await dark.screenshot({ path: `${pictures}dark.png` }));
  assert.ok(night.brightness < 0.3, `${JSON.stringify(night)}`);
  await dark.close();
});

test("a finger on Generate begins a text, and the canvas follows the window", async () => {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const page = await open(browser, served.address, phone);
  await until(page, isReady, "the model");
  await page.touchscreen.tap(60, 59);
  await until(page, (now) => now.state === "playing" && Number(now.moments) > 2, "steps");
  await page.setViewportSize({ width: 844, height: 390 });
  await page.waitForFunction(() => document.getElementById("canvas").width === 844);
  await page.close();
});

test("without WebGPU a sentence is shown, and a recorded run plays", async () => {
  const context = await browser.newContext();
  await context.addInitScript(() => Object.defineProperty(Navigator.prototype, "gpu", { value: undefined }));
  const page = await open(context, served.address);
  await until(page, (now) => now.state === "recorded", "the recorded run");
  assert.match(await page.textContent("#recorded"), /no WebGPU.*Chrome.*Safari.*Firefox/s);
  const moment = () => page.$eval("#recorded", (element) => Number(element.dataset.moment));
  await page.waitForFunction(() => Number(document.getElementById("recorded").dataset.moment) > 10);
  await page.click("button");
  const stopped = await moment();
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.equal(await moment(), stopped);
  assert.match(await page.textContent("#recorded .text"), /^Once upon a time\S* \S/);
  await page.screenshot({ path: `${pictures}recorded.png` });
  await context.close();
});

test("a lost GPU is said, and the text so far is kept", async () => {
  const own = await launch();
  const page = await open(own, `${served.address}/?prompt=Once%20upon&seed=3&length=200`);
  await until(page, (now) => now.state === "playing" && Number(now.moments) > 6, "steps");
  await (await own.newBrowserCDPSession()).send("Browser.crashGpuProcess");
  await page.waitForFunction(() => document.getElementById("state").dataset.painter === "lost");
  await page.waitForFunction(() => !document.getElementById("splash").hidden);
  const words = await page.innerText("#splash");
  assert.match(words, /The GPU was lost; load the page again.*Once upon/s);
  await page.screenshot({ path: `${pictures}lost.png` }).catch(() => {});
  await own.close();
});
