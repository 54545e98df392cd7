//! What to generate and how to sample, as arguments of every command that generates.

use anyhow::Result;
use bdlm::model::Spec;
use bdlm::sample::{
    ContextPolicy, Fallback, Nucleus, Projection, Request, Sampler, SamplerKind, SamplerNumber,
    SamplerNumbers, Sampling,
};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use crate::cli::usage::WrongUsage;

/// Most tokens of an answer, unless their number is given.
const ANSWER_TOKENS: usize = 512;

/// What to generate.
#[derive(Args)]
pub struct RequestArgs {
    /// Tokens in the finished sequence, BOS and prompt included
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub length: usize,
    /// Tokens to generate, instead of the length: as the sampler's published loop counts them
    #[arg(long, value_name = "N", conflicts_with = "length")]
    pub new_tokens: Option<usize>,
    /// Tokens in a block [default: the checkpoint's]
    #[arg(long, value_name = "K")]
    pub block_size: Option<usize>,
    /// Samples that are generated at the same time
    #[arg(long, value_name = "B", default_value_t = 1)]
    pub batch: usize,
    /// The same seed gives the same text
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Token that ends an answer, instead of the model's; may be given more than once; `none` for none
    #[arg(long, value_name = "N|none", value_parser = stop_id)]
    stop_id: Vec<StopId>,
    /// End a text at the second end-of-text token, or when it falls into repetition
    #[arg(long)]
    pub variable_length: bool,
    #[command(flatten)]
    sampling: SamplingArgs,
}

#[derive(Args)]
#[command(next_help_heading = "Sampling")]
struct SamplingArgs {
    /// Divides the logits; 0 takes the likeliest token [default: 1, or as the model asks]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    temperature: Option<f32>,
    /// Draw from the K likeliest tokens; 0 for all [default: all, or as the model asks]
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Draw from the likeliest tokens whose probabilities sum to at most P; 1 for all [default: 1, or
    /// as the model asks]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    top_p: Option<f32>,
    /// What becomes of the token at which the sum crosses --top-p [default: below, or as the model was
    /// published]
    #[arg(long, value_enum)]
    top_p_rule: Option<TopPRule>,
    /// How masked cells open [default: first-hitting, or as the model was published]
    #[arg(long, value_parser = sampler_kind())]
    sampler: Option<SamplerKind>,
    /// Steps per block, for ancestral and SDAR's [default: one per cell], analytic [default: 1024] and
    /// simplex [default: 1000], or of the whole answer, for dLLM's and LLaDA's [default: one per cell]
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Cells that open in a pass, for confidence, entropy, margin, left-to-right and random
    /// [default: 1]
    #[arg(long, value_name = "K")]
    per_pass: Option<usize>,
    /// Least probability of a token for its cell to open, for threshold, sdar-dynamic and fast-dllm-v2
    /// [default: 0.9, SDAR's 0.85]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    threshold: Option<f32>,
    /// Bound in nats on how much the cells of a pass depend on each other, for entropy-bounded and
    /// sdar-entropy [default: 0.1, SDAR's 0.35]
    #[arg(long, value_name = "NATS", allow_negative_numbers = true)]
    entropy_bound: Option<f32>,
    /// Cells in a sub-block, for fast-dllm-v2 [default: 8], bd3lm-steps and llada-low-confidence
    /// [default: the block, of a model of whole answers 32]
    #[arg(long, value_name = "N")]
    sub_block: Option<usize>,
    /// Run sub-blocks beside the kept keys and values of their block: faster, an approximation
    #[arg(long)]
    sub_block_cache: bool,
    /// Which cells open where too few pass the threshold, for sdar-dynamic [default: best]
    #[arg(long, value_enum)]
    fallback: Option<FallbackCells>,
    /// How a prediction becomes a clean state, for simplex [default: sampling]
    #[arg(long, value_enum)]
    projection: Option<ProjectionName>,
    /// What a block sees before it, for simplex [default: last]
    #[arg(long, value_enum)]
    context_policy: Option<ContextName>,
    /// Redraw a sample whose last 256 tokens have an entropy below this, in nats; 0 = never
    /// [default: 4, or 0 for models that answer and SSD-LM]
    #[arg(long, value_name = "NATS", allow_negative_numbers = true)]
    min_entropy: Option<f32>,
}

/// What becomes of the token at which the sum of probabilities crosses top-p.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum TopPRule {
    /// It is left out, as BD3-LM's samplers do
    Below,
    /// It is kept, as SDAR's and most others do
    Crossing,
}

/// Which cells open where too few pass the threshold.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum FallbackCells {
    /// The likeliest
    Best,
    /// The leftmost, as JetEngine does
    Leftmost,
}

/// How a prediction becomes a clean state.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum ProjectionName {
    /// One token, drawn from those of --top-p
    Sampling,
    /// All tokens of --top-p at once
    MultiHot,
    /// The likeliest token
    Greedy,
}

/// What a block sees before it.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum ContextName {
    /// The last block, or the prompt; texts of any length
    Last,
    /// Everything, up to the window
    Grow,
}

/// A token that ends an answer, or none.
#[derive(Clone, Copy, PartialEq)]
struct StopId(Option<u32>);

fn stop_id(text: &str) -> Result<StopId, String> {
    match text {
        "none" => Ok(StopId(None)),
        id => match id.parse() {
            Ok(id) => Ok(StopId(Some(id))),
            Err(_) => Err(format!("expected a token's number or `none`, not `{id}`")),
        },
    }
}

/// Reads the name of a sampler; the help says what each does.
pub fn sampler_kind() -> impl TypedValueParser<Value = SamplerKind> {
    let value = |kind: SamplerKind| PossibleValue::new(kind.name()).help(kind.description());
    PossibleValuesParser::new(SamplerKind::ALL.map(value)).map(|name| {
        let named = SamplerKind::ALL.into_iter().find(|kind| kind.name() == name);
        named.unwrap_or_default()
    })
}

/// The options among those given that a sampler does not use.
pub fn ignored(kind: SamplerKind, numbers: SamplerNumbers) -> Vec<&'static str> {
    let given = [
        ("--steps", numbers.steps.is_some(), SamplerNumber::Steps),
        ("--sub-block", numbers.sub_block.is_some(), SamplerNumber::SubBlock),
        ("--fallback", numbers.fallback.is_some(), SamplerNumber::Fallback),
        ("--per-pass", numbers.per_pass.is_some(), SamplerNumber::PerPass),
        ("--threshold", numbers.threshold.is_some(), SamplerNumber::Threshold),
        ("--entropy-bound", numbers.entropy_bound.is_some(), SamplerNumber::EntropyBound),
        ("--projection", numbers.projection.is_some(), SamplerNumber::Projection),
        ("--context-policy", numbers.context.is_some(), SamplerNumber::Context),
    ];
    let is_ignored = |(_, is_given, number): &(_, bool, _)| *is_given && !kind.takes(*number);
    given.into_iter().filter(is_ignored).map(|(name, ..)| name).collect()
}

impl RequestArgs {
    /// Refuses options that the sampler does not use.
    pub fn check(&self, subcommand: &'static [&'static str]) -> Result<()> {
        // A model's own is known when the model is.
        self.sampling.sampler.map_or(Ok(()), |kind| self.check_for(kind, subcommand))
    }

    fn check_for(&self, kind: SamplerKind, subcommand: &'static [&'static str]) -> Result<()> {
        if let Some(option) = ignored(kind, self.sampling.numbers()).first() {
            let name = kind.name();
            let words = format!("{option} is for other samplers than {name}; see --help");
            return Err(WrongUsage { subcommand, words }.into());
        }
        Ok(())
    }

    /// The request of an answer, whose prompt's length is not known: without a number of new tokens, it
    /// ends where the model ends it, within some hundreds.
    pub fn of_answer(&self, request: Request) -> Request {
        Request { new_tokens: request.new_tokens.or(Some(ANSWER_TOKENS)), ..request }
    }

    /// The request for this number of samples of a model.
    ///
    /// # Errors
    /// For options that the model's own sampler does not use.
    pub fn request(
        &self,
        samples: usize,
        spec: &Spec,
        subcommand: &'static [&'static str],
    ) -> Result<Request> {
        let kind = self.sampling.sampler.unwrap_or(SamplerKind::of_model(spec));
        self.check_for(kind, subcommand)?;
        let stop_ids = self.stop_id.iter().filter_map(|id| id.0).collect();
        let own = Request::of_model(spec);
        let request = Request {
            length: self.length,
            new_tokens: self.new_tokens,
            stop_ids: (!self.stop_id.is_empty()).then_some(stop_ids),
            window_cache: self.sampling.sub_block_cache,
            block_size: self.block_size,
            samples,
            batch: self.batch,
            seed: self.seed,
            variable_length: self.variable_length,
            min_entropy: self.sampling.min_entropy.unwrap_or(own.min_entropy),
            ..own
        };
        let n_cells = request.n_cells(spec);
        let numbers = self.sampling.numbers().of_model(kind, spec);
        let sampler = kind.sampler(numbers, n_cells);
        let sampling = self.sampling.sampling(sampler, &request.sampling);
        Ok(Request { sampling, ..request })
    }
}

impl SamplingArgs {
    fn numbers(&self) -> SamplerNumbers {
        let SamplingArgs { steps, per_pass, threshold, entropy_bound, sub_block, .. } = *self;
        let fallback = self.fallback.map(|cells| match cells {
            FallbackCells::Best => Fallback::Best,
            FallbackCells::Leftmost => Fallback::Leftmost,
        });
        let projection = self.projection.map(|name| match name {
            ProjectionName::Sampling => Projection::Sampling,
            ProjectionName::MultiHot => Projection::MultiHot,
            ProjectionName::Greedy => Projection::Greedy,
        });
        let context = self.context_policy.map(|name| match name {
            ContextName::Last => ContextPolicy::Last,
            ContextName::Grow => ContextPolicy::Grow,
        });
        SamplerNumbers {
            steps,
            per_pass,
            threshold,
            entropy_bound,
            sub_block,
            fallback,
            projection,
            context,
        }
    }

    fn sampling(&self, sampler: Sampler, own: &Sampling) -> Sampling {
        Sampling {
            sampler,
            temperature: self.temperature.unwrap_or(own.temperature),
            top_k: self.top_k.unwrap_or(own.top_k),
            top_p: self.top_p.unwrap_or(own.top_p),
            nucleus: self.top_p_rule.map_or(own.nucleus, |rule| match rule {
                TopPRule::Below => Nucleus::Below,
                TopPRule::Crossing => Nucleus::Crossing,
            }),
        }
    }
}
