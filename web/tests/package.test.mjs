// The package for other pages, and its example.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";

import { at, launch, open, site } from "./browser.mjs";

let browser, served, page;

before(async () => {
  [browser, served] = [await launch(), await site()];
  page = await open(browser, `${served.address}/pkg/package.json`);
});
after(async () => {
  await browser?.close();
  served?.server.close();
});

/** The package in the page, with a model of the tests. */
const withModel = `
  const { load, kept, forget } = await import("/pkg/bdlm.js");
  const names = ["config.json", "generation_config.json", "model.safetensors"];
  const bytes = async (name) => (await fetch("/fixtures/qwen3-block4/" + name)).arrayBuffer();
  const files = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await bytes(name)])));
  const exact = { weights: "f32", kernels: "plain" };
`;
const inPage = (body) => page.evaluate(`(async () => { ${withModel} ${body} })()`);

/** The tokens that the program for computers writes with the same kernels. */
function native(...args) {
  const program = process.env.BDLM ?? at("target/release/bdlm");
  const exact = ["--weights", "f32", "--kernels", "plain", "--format", "jsonl"];
  const out = execFileSync(program, ["generate", ...exact, ...args], { encoding: "utf8" });
  return out.trim().split("\n").map((line) => JSON.parse(line).ids);
}

test("a seed gives the tokens of the program for computers", async () => {
  const got = await inPage(`
    const model = await load(files, undefined, exact);
    const ids = [];
    for await (const event of model.generate({ promptIds: [5, 6, 7], length: 32, seed: 7, samples: 2, temperature: 1, sampler: "first-hitting", minEntropy: 0 })) {
      if (event.event === "done") ids.push(event.ids);
    }
    return { ids, about: model.about };
  `);
  const wanted = native(
    ...["--model", at("tests/fixtures/qwen3-block4"), "--prompt-ids", "5,6,7", "--length", "32", "--seed", "7"],
    ...["--samples", "2", "--temperature", "1", "--sampler", "first-hitting", "--min-entropy", "0"],
  );
  assert.deepEqual(got.ids, wanted);
  assert.equal(got.about.kernels, "plain");
});

test("the default model writes the text of the program for computers", async () => {
  const got = await inPage(`
    const model = await load("tales", undefined, exact);
    for await (const event of model.generate({ prompt: "The little bird", length: 40, seed: 5 })) {
      if (event.event === "done") return event.ids;
    }
  `);
  assert.deepEqual([got], native("--length", "40", "--seed", "5", "The little bird"));
});

test("a run ends by return(), and leaves the model usable", async () => {
  const got = await inPage(`
    const model = await load(files);
    const run = model.generate({ promptIds: [1], length: 64, candidates: 2 });
    const first = await run.next();
    const pending = run.next();
    await run.return();
    const [second, third] = [await pending, await run.next()];
    let count = 0;
    for await (const event of model.generate({ promptIds: [1], length: 64 })) {
      if (++count === 2) break;
    }
    const whole = [];
    for await (const event of model.generate({ promptIds: [1], length: 16 })) whole.push(event.event);
    return { first: first.value.event, second: second.value.event, third, count, whole };
  `);
  assert.deepEqual([got.first, got.second, got.third.done, got.count], ["start", "step", true, 2]);
  assert.deepEqual([got.whole[0], got.whole.at(-1)], ["start", "done"]);
});

test("wrong requests and models are errors with words", async () => {
  const words = (body) => inPage(`try { ${body} } catch (error) { return error.message; }`);
  assert.match(await words(`const model = await load(files); model.generate({ size: 4 }); `), /size/);
  assert.match(await words(`const model = await load(files); model.generate({ promptIds: [999999] });`), /999999/);
  assert.match(await words(`await load({ "config.json": files["config.json"] });`), /model\.safetensors/);
  assert.match(await words(`await load({ ...files, "model.safetensors": new Uint8Array(9) });`), /model\.safetensors/);
  assert.match(await words(`await load("tests/nothing", undefined, { hub: "/hub" });`), /no config\.json/);
});

test("a model of the hub reports its progress, is kept, and can be deleted", async () => {
  const got = await inPage(`
    const parts = [];
    const hub = location.origin + "/hub";
    await load("tests/qwen3", (what, part) => parts.push([what, part]), { hub });
    const before = await kept();
    await forget(before[0].id);
    return { parts, before, after: await kept() };
  `);
  assert.ok(got.parts.some(([what]) => what === "Downloading model.safetensors"));
  assert.ok(got.parts.every(([, part]) => part == null || (part >= 0 && part <= 1)));
  assert.equal(got.before[0].id, `${served.address}/hub/tests/qwen3`, "with the address of a foreign hub");
  assert.ok(got.before[0].sizeBytes > 589_400);
  assert.deepEqual(got.after, []);
});

test("memory does not grow over 20 runs", async () => {
  const got = await inPage(`
    const { default: init } = await import("/pkg/engine.js");
    const { memory } = await init();
    const model = await load(files);
    const sizes = [];
    for (let run = 0; run < 20; run++) {
      for await (const event of model.generate({ promptIds: [1, 2], length: 24, seed: run, candidates: 4 }));
      sizes.push(memory.buffer.byteLength);
    }
    return sizes;
  `);
  assert.equal(got[19], got[3], `bytes after each run: ${got}`);
});

test("the example prints blocks as they come", async () => {
  const example = await open(browser, `${served.address}/pkg/example.html`);
  await example.waitForFunction(() => document.querySelector("#note").textContent === "Ready");
  await example.click("button");
  await example.waitForFunction(() => document.querySelector("output").textContent.length > 60);
  await example.click("#stop");
  assert.deepEqual(example.faults, []);
  await example.close();
});
