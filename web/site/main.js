// Opens the window on the canvas; without WebGPU, plays a recorded run.

import { showRecorded } from "./recorded.js";

const element = (id) => document.getElementById(id);

/** Why there is no WebGPU; undefined if there is. */
async function whyNoWebGpu() {
  if (!navigator.gpu) {
    return isSecureContext
      ? "This browser has no WebGPU."
      : "WebGPU needs a page that came over https, or from this computer.";
  }
  try {
    return (await navigator.gpu.requestAdapter()) ? undefined : "This browser finds no GPU for WebGPU.";
  } catch (error) {
    return `WebGPU does not start here: ${error.message}.`;
  }
}

async function withoutWebGpu(why) {
  element("splash").hidden = true;
  element("recorded").hidden = false;
  element("state").dataset.state = "recorded";
  await showRecorded(element("recorded"), why);
}

function failed(what, error) {
  element("canvas").hidden = true;
  element("splash").hidden = false;
  element("progress").textContent = `${what}: ${error?.message ?? error}`.trim();
  element("state").dataset.state = "failed";
}

// A program that has ended draws no more: without a word the page would only be still.
addEventListener("error", ({ error }) => {
  if (error instanceof WebAssembly.RuntimeError) failed("The page has failed; load it again", error);
});
addEventListener("unhandledrejection", ({ reason }) => {
  if (reason instanceof WebAssembly.RuntimeError) failed("The page has failed; load it again", reason);
});

// Without its GPU the canvas stands still: the text goes on the page instead.
new MutationObserver(() => {
  if (element("state").dataset.painter !== "lost") return;
  failed("The GPU was lost; load the page again. The text so far", "");
  element("text").classList.remove("spoken");
  element("splash").append(element("text"));
}).observe(element("state"), { attributeFilter: ["data-painter"] });

try {
  const why = await whyNoWebGpu();
  if (why) {
    await withoutWebGpu(why);
  } else {
    const { default: init, start } = await import("./page.js");
    await init();
    element("canvas").hidden = false;
    await start(element("canvas"), location.search, element("state"), element("text"));
    element("splash").hidden = true;
  }
} catch (error) {
  failed("The page does not start", error);
}
