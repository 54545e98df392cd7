// Types of the package. The events are those of the command line's JSON lines.

/** How weights are held on the GPU. */
export type Weights = "f32" | "f16" | "q8" | "q4";
/** Kernels: those for GPUs, or plain ones without workgroup memory. */
export type Kernels = "workgroup" | "plain";

export interface LoadOptions {
  /** Default: as a quantised checkpoint holds them, else `f16`. */
  weights?: Weights;
  /** Default: those that suit the adapter. */
  kernels?: Kernels;
  /** Another hub than https://huggingface.co. */
  hub?: string;
  /** Where the default model lies, with a slash at its end. Default: `tales/` beside this file. */
  talesUrl?: string;
}

/** `onProgress` takes what is being done, and the part that is done, 0 to 1, if that is known. */
export type Progress = (what: string, part: number | undefined) => void;

/** What to generate. What is absent is as the model was published. */
export interface GenerateRequest {
  prompt?: string;
  /** Tokens of the prompt, as they are; instead of `prompt`. */
  promptIds?: number[];
  /** Tokens of the finished sequence, with BOS and prompt. */
  length?: number;
  /** Tokens to generate, as the sampler's published loop counts them; instead of `length`. */
  newTokens?: number;
  blockSize?: number;
  sampler?: string;
  steps?: number;
  perPass?: number;
  threshold?: number;
  entropyBound?: number;
  temperature?: number;
  topK?: number;
  topP?: number;
  nucleus?: string;
  seed?: number;
  samples?: number;
  batch?: number;
  minEntropy?: number;
  /** Texts that end a sample; they are cut off. */
  stop?: string[];
  /** Every step becomes an event, with so many candidates for each masked cell. */
  candidates?: number;
}

export type CellState = "given" | "masked" | "pinned" | { open: { step: number } };

export interface Candidate {
  token: number;
  text: string | null;
  probability: number;
}

export interface Cell {
  token: number;
  text: string | null;
  state: CellState;
  confidence: number;
  entropy: number;
  /** Rank of the token among all that could be drawn, from 1. */
  rank?: number;
  candidates?: Candidate[];
}

export interface StartEvent {
  event: "start";
  sample: number;
  seed: number;
  block_size: number;
  window: number;
  length: number;
  ids: number[];
  text: string | null;
  /** Tokens that a cell may become. */
  n_drawable?: number;
}

export interface StepEvent {
  event: "step" | "steer";
  sample: number;
  block_idx: number;
  step: number;
  passes: number;
  cells: Cell[];
  secs: number;
}

export interface BlockEvent {
  event: "block";
  sample: number;
  block_idx: number;
  ids: number[];
  text: string | null;
  passes: number;
  secs: number;
}

export interface RetractEvent {
  event: "retract";
  sample: number;
  redraws: number;
  n_tokens: number;
  text: string | null;
  entropy: number;
}

export interface DoneEvent {
  event: "done";
  sample: number;
  seed: number;
  ids: number[];
  text: string | null;
  n_tokens: number;
  nfe: number;
  passes: number;
  prefill: number;
  denoise: number;
  commit: number;
  secs: number;
  stop: "length" | "end_of_text" | "stop_string" | "stop_token" | "low_entropy";
  redraws: number;
}

export type Event = StartEvent | StepEvent | BlockEvent | RetractEvent | DoneEvent;

export interface About {
  family: string;
  blockSize: number | null;
  window: number;
  isSoftware: boolean;
  kernels: string;
}

export interface Run extends AsyncIterableIterator<Event> {
  /** Ends the run. */
  return(value?: unknown): Promise<IteratorResult<Event>>;
}

export interface Model {
  readonly about: About | undefined;
  /** Generates: an async iterator of events. `return()`, or leaving a loop, ends the run. */
  generate(request?: GenerateRequest): Run;
  /** Frees the model and its memory on the GPU; runs that go on end first. */
  free(): Promise<void>;
}

/** Files of a model by their names: `config.json`, `model.safetensors`, `tokenizer.json`, … */
export type Files = Record<string, Blob | ArrayBuffer | Uint8Array>;

/** Loads a model: `tales`, an id of the Hugging Face hub, or files. */
export function load(model?: string | Files, onProgress?: Progress, options?: LoadOptions): Promise<Model>;

/** The models that this browser keeps: their ids on the hub, with the address of another hub before them. */
export function kept(): Promise<{ id: string; sizeBytes: number }[]>;

/** Deletes what this browser keeps of a model. */
export function forget(id: string): Promise<void>;
