//! Decoders in the shape of Llama, in the Hugging Face format: plain ones, and those that were trained
//! on to open masked blocks. Sources: transformers; SDAR, Fast-dLLM v2 and dLLM as published.

use serde::Deserialize;

use crate::model::checkpoint::checks::{check_head_width, check_layers, check_sizes, check_tokens};
use crate::model::checkpoint::habits::{Diffusion, Habits, Ids, Sources, unsaid};
use crate::model::checkpoint::json;
use crate::model::checkpoint::rope::RopeKeys;
use crate::model::spec::{
    AdaLn, AttentionBiases, Backbone, Draw, Grid, Mlp, MlpKind, NormKind, NormSpec, Objective,
    Positions,
};
use crate::model::table::{Entry, Kind};
use crate::model::{Axis, Spec, Widths};
use crate::{Advice, Error, Fault, Result};

/// What the names of all tensors begin with, but for the head's.
pub const PREFIX: &str = "model.";
/// The head, where it is not the embedding.
pub const HEAD: &str = "lm_head.weight";

/// A kind of model, by its `model_type`.
struct Row {
    model_type: &'static str,
    /// Biases of queries, keys and values whatever the config says.
    always_biases: bool,
    head_norms: bool,
    /// How it opens masked blocks; plain decoders do not, unless the caller says so.
    diffusion: Option<Diffusion>,
    /// What the names of its siblings without blocks contain.
    whole_window: Option<&'static str>,
}

/// Llama's row, under another name.
const fn llama(model_type: &'static str) -> Row {
    Row { model_type, always_biases: false, head_norms: false, diffusion: None, whole_window: None }
}

const fn qwen2(model_type: &'static str) -> Row {
    Row { always_biases: true, ..llama(model_type) }
}

const fn qwen3(model_type: &'static str) -> Row {
    Row { head_norms: true, ..llama(model_type) }
}

const fn blocks(
    mask_id: Option<u32>,
    block_size: usize,
    logit_shift: usize,
    grid: Grid,
) -> Option<Diffusion> {
    Some(Diffusion { mask_id, block_size: Some(block_size), logit_shift, grid })
}

/// dLLM's models, whose mask token is a matter of their tokenizers.
const DLLM: Option<Diffusion> = blocks(None, 32, 0, Grid::Prompt);

static ROWS: [Row; 7] = [
    llama("llama"),
    qwen2("qwen2"),
    qwen3("qwen3"),
    Row { diffusion: blocks(Some(151_669), 4, 0, Grid::Sequence), ..qwen3("sdar") },
    Row { diffusion: blocks(Some(151_665), 32, 1, Grid::Sequence), ..qwen2("Fast_dLLM_Qwen") },
    Row { diffusion: DLLM, whole_window: Some("mdlm"), ..qwen3("a2d-qwen3") },
    Row { diffusion: DLLM, whole_window: Some("mdlm"), ..qwen2("a2d-qwen2") },
];

/// The kinds that are read.
pub fn model_types() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.model_type)
}

/// The keys of a `config.json` that matter.
#[derive(Deserialize)]
struct Keys {
    vocab_size: usize,
    max_position_embeddings: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    #[serde(default)]
    num_key_value_heads: Option<usize>,
    #[serde(default)]
    head_dim: Option<usize>,
    rms_norm_eps: f64,
    #[serde(default)]
    hidden_act: Option<String>,
    #[serde(default)]
    tie_word_embeddings: Option<bool>,
    #[serde(default)]
    attention_bias: Option<bool>,
    #[serde(default)]
    mlp_bias: Option<bool>,
    #[serde(default)]
    use_sliding_window: Option<bool>,
    #[serde(default)]
    layer_types: Option<Vec<String>>,
    #[serde(default, alias = "num_local_experts")]
    num_experts: Option<usize>,
    #[serde(default)]
    bos_token_id: Option<u32>,
    #[serde(default)]
    eos_token_id: Option<Ids>,
}

/// The network of a config with this `model_type`; none if it is of another family.
///
/// # Errors
/// [`Error::Config`] naming what is not run, or what nothing says.
pub fn spec(model_type: &str, sources: &Sources<'_>, asked: Habits) -> Option<Result<Spec>> {
    let row = ROWS.iter().find(|row| row.model_type == model_type)?;
    Some(row.spec(sources, asked))
}

impl Row {
    fn spec(&self, sources: &Sources<'_>, asked: Habits) -> Result<Spec> {
        let like = "a published config of this kind";
        let keys: Keys = json::keys(sources.config.clone(), like)?;
        let rope: RopeKeys = json::keys(sources.config.clone(), like)?;
        keys.check()?;
        let n_key_heads = keys.num_key_value_heads.unwrap_or(keys.num_attention_heads);
        let habit = self.habit(sources, asked)?;
        let size = habit.block_size.unwrap_or(1);
        let spec = Spec {
            backbone: Backbone::Llama,
            objective: habit.objective,
            n_layers: keys.num_hidden_layers,
            channels: keys.hidden_size,
            n_heads: keys.num_attention_heads,
            n_key_heads,
            head_width: keys.head_width()?,
            mlp: Mlp { width: keys.intermediate_size, kind: MlpKind::SwiGlu },
            norm: NormSpec { kind: NormKind::Rms, epsilon: keys.rms_norm_eps as f32 },
            attention_biases: match (keys.attention_bias, self.always_biases) {
                (_, true) => AttentionBiases::Inputs,
                (Some(true), false) => AttentionBiases::All,
                (_, false) => AttentionBiases::None,
            },
            head_norms: self.head_norms,
            positions: Positions::Rotary(rope.rotary(keys.max_position_embeddings)?),
            adaln: AdaLn::Absent,
            tied_head: keys.tie_word_embeddings.unwrap_or(false),
            logit_shift: habit.logit_shift,
            grid: habit.grid,
            window: keys.max_position_embeddings / size * size,
            vocab_size: keys.vocab_size,
            mask_id: habit.mask_id,
            bos_token_id: keys.bos_token_id,
            eos_token_id: keys.eos_token_id.as_ref().and_then(Ids::first),
            always_bos: false,
            stop_ids: sources.stops().or(keys.eos_token_id).map_or(Vec::new(), |ids| ids.all()),
            draw: Draw::default(),
        };
        check_mask(&spec)?;
        if let Some(size) = spec.block_size() {
            spec.check_block_size(size).map_err(|e| Error::config(e.to_string()))?;
        }
        check_tokens(&spec)?;
        Ok(spec)
    }

    /// What it was trained to do.
    fn habit(&self, sources: &Sources<'_>, asked: Habits) -> Result<Habit> {
        let is_asked = asked.mask_id.is_some() || asked.block_size.is_some();
        if self.diffusion.is_none() && !is_asked {
            return Ok(Habit {
                objective: Objective::Autoregressive,
                mask_id: None,
                block_size: None,
                logit_shift: 1,
                grid: Grid::Sequence,
            });
        }
        let kind = self.diffusion.as_ref();
        let mask_id = sources.mask_id(asked, kind.and_then(|kind| kind.mask_id));
        let mask_id = mask_id.ok_or_else(|| unsaid("which token masks", Advice::NameMask))?;
        let logit_shift = kind.map_or(0, |kind| kind.logit_shift);
        let grid = asked.grid.or(kind.map(|kind| kind.grid)).unwrap_or(Grid::Sequence);
        let is_whole = self.whole_window.is_some_and(|word| sources.is_named(word));
        if is_whole && asked.block_size.is_none() {
            let (objective, mask_id, block_size) = (Objective::Masked, Some(mask_id), None);
            return Ok(Habit { objective, mask_id, block_size, logit_shift, grid });
        }
        let size = sources.block_size(asked, kind.and_then(|kind| kind.block_size));
        let size = size.ok_or_else(|| unsaid("how long blocks are", Advice::NameBlockSize))?;
        check_sizes(&[(("block_size", size), 1)])?;
        let (objective, mask_id) = (Objective::Block { size }, Some(mask_id));
        Ok(Habit { objective, mask_id, block_size: Some(size), logit_shift, grid })
    }
}

/// What a model was trained to do.
struct Habit {
    objective: Objective,
    mask_id: Option<u32>,
    block_size: Option<usize>,
    logit_shift: usize,
    grid: Grid,
}

fn check_mask(spec: &Spec) -> Result<()> {
    match spec.mask_id.filter(|&id| id as usize >= spec.vocab_size) {
        None => Ok(()),
        Some(id) => {
            let most = spec.vocab_size - 1;
            let words =
                format!("the mask token is {id}, expected one of the vocabulary, 0 to {most}");
            Err(Error::Config(Fault::from(words).advise(Advice::NameMask)))
        }
    }
}

impl Keys {
    /// Fails for what the layers do not do, and for sizes that cannot be.
    fn check(&self) -> Result<()> {
        let refuse = |words: String| Err(Error::config(words));
        if let Some(count) = self.num_experts.filter(|&count| count > 1) {
            return refuse(format!("num_experts is {count}: mixtures of experts are not run"));
        }
        if self.use_sliding_window == Some(true) {
            return refuse("use_sliding_window is true, expected false".into());
        }
        let layers = self.layer_types.iter().flatten();
        if let Some(kind) = layers.into_iter().find(|kind| *kind != "full_attention") {
            return refuse(format!("layer_types has `{kind}`, expected `full_attention` alone"));
        }
        let activation = self.hidden_act.as_deref().unwrap_or("silu");
        if !["silu", "swish"].contains(&activation) {
            return refuse(format!("hidden_act is `{activation}`, expected `silu`"));
        }
        if self.mlp_bias == Some(true) {
            return refuse("mlp_bias is true, expected false".into());
        }
        let epsilon = self.rms_norm_eps;
        if !(epsilon > 0.0 && epsilon <= 0.1) {
            return refuse(format!("rms_norm_eps is {epsilon}, expected above 0, at most 0.1"));
        }
        let (heads, keys) = (self.num_attention_heads, self.num_key_value_heads);
        check_sizes(&[
            (("vocab_size", self.vocab_size), 3),
            (("max_position_embeddings", self.max_position_embeddings), 1),
            (("hidden_size", self.hidden_size), 4),
            (("intermediate_size", self.intermediate_size), 1),
            (("num_attention_heads", heads), 1),
            (("num_key_value_heads", keys.unwrap_or(1)), 1),
        ])?;
        if let Some(keys) = keys.filter(|keys| !heads.is_multiple_of(*keys)) {
            return refuse(format!(
                "num_attention_heads is {heads}, expected a multiple of num_key_value_heads ({keys})"
            ));
        }
        check_layers(("num_hidden_layers", self.num_hidden_layers))
    }

    fn head_width(&self) -> Result<usize> {
        let (channels, heads) = (self.hidden_size, self.num_attention_heads);
        let width = match self.head_dim {
            Some(width) => width,
            None if channels.is_multiple_of(heads) => channels / heads,
            None => {
                return Err(Error::config(format!(
                    "hidden_size is {channels}, expected a multiple of num_attention_heads \
                     ({heads}) where head_dim is not given"
                )));
            }
        };
        check_head_width(("head_dim", width))?;
        Ok(width)
    }
}

/// Every tensor of the network. Queries, keys and values are held as one matrix, and so are gates and
/// what they let through.
pub fn table(spec: &Spec) -> Vec<Entry> {
    let (widths, vocabulary) = (Widths::of(spec), Axis::exact(spec.vocab_size));
    let Widths { channels: c, head, queries, keys, qkv, mlp: f, gated, .. } = widths;
    let longest = vocabulary.held().max(gated.held()).max(qkv.held()).max(c.held());
    let mut table = vec![
        Entry::table("embed_tokens.weight", [vocabulary, c]),
        Entry::vector("norm.weight", c),
        Entry::constant(super::NO_BIAS, Axis::exact(longest)),
    ];
    if !spec.tied_head {
        table.push(Entry::table(HEAD, [vocabulary, c]));
    }
    for layer in 0..spec.n_layers {
        let name = |tensor: &str| format!("layers.{layer}.{tensor}");
        let folded = |tensor: &str, axis| Entry::vector(name(tensor), axis).kind(Kind::Folded);
        let part = |tensor: &str, axis| Entry::matrix(name(tensor), [axis, c]).kind(Kind::Part);
        table.extend([
            Entry::vector(name("input_layernorm.weight"), c),
            part("self_attn.q_proj.weight", queries),
            part("self_attn.k_proj.weight", keys),
            part("self_attn.v_proj.weight", keys),
            Entry::matrix(name("self_attn.qkv"), [qkv, c]).kind(Kind::Joined),
            Entry::matrix(name("self_attn.o_proj.weight"), [c, queries]),
            Entry::vector(name("post_attention_layernorm.weight"), c),
            part("mlp.gate_proj.weight", f),
            part("mlp.up_proj.weight", f),
            Entry::matrix(name("mlp.gate_up"), [gated, c]).kind(Kind::Joined),
            Entry::matrix(name("mlp.down_proj.weight"), [c, f]),
        ]);
        if spec.attention_biases != AttentionBiases::None {
            table.extend([
                folded("self_attn.q_proj.bias", queries),
                folded("self_attn.k_proj.bias", keys),
                folded("self_attn.v_proj.bias", keys),
                Entry::constant(name("self_attn.qkv bias"), qkv),
            ]);
        }
        if spec.attention_biases == AttentionBiases::All {
            table.push(Entry::vector(name("self_attn.o_proj.bias"), c));
        }
        if spec.head_norms {
            table.extend([
                folded("self_attn.q_norm.weight", head),
                folded("self_attn.k_norm.weight", head),
                Entry::constant(name("self_attn.head norms"), Axis::heads(2, spec.head_width)),
            ]);
        }
    }
    table
}
