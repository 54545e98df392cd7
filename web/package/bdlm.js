// Block diffusion language models in a page: `load` a model, `generate` texts as streams of events.

import init, { deleteModel, keptModels, loadModel } from "./engine.js";

let ready;

/** Compiles the module, once; again if that failed. */
function started() {
  return (ready ??= init().catch((error) => {
    ready = undefined;
    throw error;
  }));
}

/** Where this file is. */
const here = new URL(".", import.meta.url).href;

/** A model on the GPU. */
class Model {
  #model;
  /** Those that go on. */
  #runs = new Set();

  constructor(model) {
    this.#model = model;
  }

  /** What it is. */
  get about() {
    return this.#model?.about();
  }

  /** Generates: an async iterator of events. `return()`, or leaving a loop, ends the run. */
  generate(request = {}) {
    if (!this.#model) throw new Error("this model was freed");
    let run = this.#model.begin(request);
    let pulled = Promise.resolve();
    const end = () => {
      run?.free();
      run = undefined;
      this.#runs.delete(events);
    };
    const pull = async () => {
      if (!run) return { value: undefined, done: true };
      try {
        const value = await run.next();
        if (value === undefined) end();
        return { value, done: value === undefined };
      } catch (error) {
        end();
        throw error;
      }
    };
    const events = {
      next: () => (pulled = pulled.catch(() => {}).then(pull)),
      return: async (value) => {
        // The event that is being computed is waited for: the run is free after it.
        await pulled.catch(() => {});
        end();
        return { value, done: true };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
    this.#runs.add(events);
    return events;
  }

  /** Frees the model and its memory on the GPU; runs that go on end first. */
  async free() {
    const model = this.#model;
    this.#model = undefined;
    await Promise.all([...this.#runs].map((run) => run.return()));
    model?.free();
  }
}

/** Loads a model: `tales`, an id of the Hugging Face hub, or files by their names. */
export async function load(model = "tales", onProgress, options = {}) {
  await started();
  const { talesUrl = `${here}tales/`, ...rest } = options;
  const files = typeof model === "string" ? model : await bytesOf(model);
  return new Model(await loadModel(files, talesUrl, rest, onProgress));
}

async function bytesOf(files) {
  const bytes = async (file) =>
    file instanceof Blob ? new Uint8Array(await file.arrayBuffer()) : new Uint8Array(file);
  const entries = Object.entries(files).map(async ([name, file]) => [name, await bytes(file)]);
  return Object.fromEntries(await Promise.all(entries));
}

/** The models of the hub that this browser keeps, with the bytes of their files. */
export async function kept() {
  await started();
  return keptModels();
}

/** Deletes what this browser keeps of a model. */
export async function forget(id) {
  await started();
  await deleteModel(id);
}
