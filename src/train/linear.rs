//! Linear layers in training: their weights where products read them, and their gradients.

use crate::gpu::{Commands, Epilogue, Memory, Recorder, Tensor, Weight};
use crate::train::Parameters;
use crate::{Error, Result};

/// The parameters in the memory that products read: the arenas themselves, or copies in texels.
#[derive(Debug)]
pub struct Held<'a> {
    parameters: &'a Parameters,
    copies: Copies,
    no_bias: Tensor,
}

/// Copies of the arenas in texels, where products read these.
#[derive(Debug)]
pub struct Copies(Vec<(Tensor, Tensor)>);

impl Copies {
    /// Appends commands that copy the weights anew.
    ///
    /// # Errors
    /// [`Error::Shape`] never: copies are as long as the arenas.
    pub fn refresh(&self, commands: &mut Commands) -> Result<()> {
        let bytes = |tensor: &Tensor| (tensor.dim(0) * tensor.dtype().bytes()) as u64;
        self.0.iter().try_for_each(|(from, to)| commands.copy((from, 0), to, bytes(from)))
    }
}

/// A linear layer, `y = x w^T + bias`.
#[derive(Debug)]
pub struct Linear {
    weight: Weight,     // [N, K]
    transposed: Weight, // [K, N]
    bias: Tensor,       // [N]; zeros if there is none
    no_bias: Tensor,    // zeros
    gradient: Tensor,   // [N, K]
    bias_gradient: Option<Tensor>,
}

impl<'a> Held<'a> {
    /// Makes room for the copies; `longest` is the longest side of any matrix.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn new(parameters: &'a Parameters, longest: usize) -> Result<Held<'a>> {
        let gpu = parameters.gpu();
        let copied = gpu.kernels().product_memory() == Memory::Texels;
        let copy = |arena: &Tensor| {
            Ok((arena.clone(), Tensor::multiplied(gpu, "parameters", arena.shape())?))
        };
        let arenas = parameters.arenas().iter().map(|arena| &arena.weights);
        let copies = arenas.filter(|_| copied).map(copy).collect::<Result<_>>()?;
        let no_bias = Tensor::activation(gpu, "no bias", &[longest])?;
        Ok(Held { parameters, copies: Copies(copies), no_bias })
    }

    /// What is to be refreshed after each step.
    pub fn into_copies(self) -> Copies {
        self.copies
    }

    /// The weights of a vector, and their gradient, `[n]`.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is none of the name.
    pub fn vector(&self, name: &str) -> Result<(Tensor, Tensor)> {
        let parameter = self.parameters.get(name)?;
        Ok((parameter.weight.clone(), parameter.gradient.clone()))
    }

    /// A matrix where products read it, and its gradient.
    ///
    /// # Errors
    /// As [`Held::vector`].
    pub fn matrix(&self, name: &str) -> Result<(Weight, Tensor)> {
        let parameter = self.parameters.get(name)?;
        let (arena, at) = parameter.place;
        let table = match self.copies.0.get(arena) {
            None => parameter.weight.clone(),
            Some((_, copy)) => copy.part(name, at, parameter.weight.shape())?,
        };
        Ok((Weight::of(&table)?, parameter.gradient.clone()))
    }

    /// A linear layer, by the names of its weight and its bias.
    ///
    /// # Errors
    /// As [`Held::vector`].
    pub fn linear(&self, weight: &str, bias: Option<&str>) -> Result<Linear> {
        let (weight, gradient) = self.matrix(weight)?;
        let no_bias = self.no_bias.clone();
        let (bias, bias_gradient) = match bias.map(|name| self.vector(name)).transpose()? {
            None => (no_bias.clone(), None),
            Some((bias, gradient)) => (bias, Some(gradient)),
        };
        let transposed = weight.transposed()?;
        Ok(Linear { weight, transposed, bias, no_bias, gradient, bias_gradient })
    }
}

impl Linear {
    /// Rows and columns of the weight, `[N, K]`.
    pub fn shape(&self) -> [usize; 2] {
        self.weight.shape()
    }

    /// `y = x w^T + bias`.
    ///
    /// # Shapes
    /// x `[T, K]`, y `[T, N]`.
    /// # Errors
    /// As [`Recorder::matmul`].
    pub fn forward(&self, r: &mut Recorder<'_>, x: &Tensor, y: &Tensor) -> Result<()> {
        r.matmul(x, &self.weight, &self.bias, Epilogue::Store, y)
    }

    /// The gradients of weight and bias, added to what is there, and that of x.
    ///
    /// # Shapes
    /// x `[T, K]`, dy `[T, N]`, both made by [`Tensor::multiplied`]; dx `[T, K]`.
    /// # Errors
    /// As [`Recorder::weight_gradient`].
    pub fn backward(
        &self,
        r: &mut Recorder<'_>,
        [x, dy]: [&Tensor; 2],
        partials: &Tensor,
        dx: Option<(Epilogue<'_>, &Tensor)>,
    ) -> Result<()> {
        r.weight_gradient(dy, x, partials, &self.gradient)?;
        if let Some(gradient) = &self.bias_gradient {
            r.column_sums(dy, partials, gradient)?;
        }
        match dx {
            None => Ok(()),
            Some((epilogue, dx)) => r.matmul(dy, &self.transposed, &self.no_bias, epilogue, dx),
        }
    }
}

/// The error of a network that cannot be trained.
pub fn refused(what: &str) -> Error {
    Error::request(format!("this network cannot be trained: {what}"))
}
