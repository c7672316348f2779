//! Texts to vectors: a pinned encoder on ONNX Runtime.
//!
//! A vector depends on its text and the model alone, never on the other texts of the call, their
//! order or the number of threads: each text is one run of one session with one thread, without
//! padding. Batches would gain little on a processor, and would tie a text's last bits to its
//! neighbours' length.
//!
//! Two kinds have one face: contextual models, whose token vectors `fastembed` pools, and static
//! ones, whose rows are summed as integers (`fixed`).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use domain::Digest;
use fastembed::{
    InitOptionsUserDefined, QuantizationMode, TextEmbedding, TokenizerFiles,
    UserDefinedEmbeddingModel,
};
use tokenizers::Tokenizer;

use crate::fixed::{self, Fixed, FixedError};
use crate::registry::{ModelSpec, Pooling};
use crate::runtime::{Runtime, no_arena};

/// Why texts could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// The model's files are refused.
    #[error("the model's files are refused")]
    Model(#[source] fastembed::Error),
    /// A text cannot be encoded.
    #[error("text {index} of {of} cannot be encoded")]
    Encode {
        /// Its place in the call.
        index: usize,
        /// Texts in the call.
        of: usize,
        /// Why.
        #[source]
        source: fastembed::Error,
    },
    /// The static model's files are refused.
    #[error("the static model's files are refused")]
    Fixed(#[source] FixedError),
    /// A text cannot be encoded by the static model.
    #[error("text {index} of {of} cannot be encoded")]
    Sum {
        /// Its place in the call.
        index: usize,
        /// Texts in the call.
        of: usize,
        /// Why.
        #[source]
        source: FixedError,
    },
    /// A vector is not what the registry announces.
    #[error(
        "model `{name}` made a vector of {found} values with {non_finite} not finite, expected {expected} finite"
    )]
    Vector {
        /// Model.
        name: String,
        /// Length found.
        found: usize,
        /// How many values are infinite or NaN.
        non_finite: usize,
        /// Length announced.
        expected: usize,
    },
}

/// A text encoder. Shared between threads; as many encode at once as it has sessions.
pub struct Encoder {
    name: String,
    digest: Digest,
    dimension: usize,
    prefix: String,
    languages: Vec<String>,
    runtime: Runtime,
    model: Model,
    max_tokens: usize,
    pool: Mutex<Pool>,
    returned: Condvar,
}

/// What sessions are made from.
enum Model {
    Contextual(Box<UserDefinedEmbeddingModel>),
    Static {
        onnx: Vec<u8>,
        tokenizer: Box<Tokenizer>,
    },
}

/// One session.
enum Engine {
    Contextual(Box<TextEmbedding>),
    Static(Fixed),
}

/// Sessions that wait for work, and how many more may be made.
struct Pool {
    idle: Vec<Engine>,
    left: usize,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("name", &self.name)
            .field("digest", &self.digest)
            .finish()
    }
}

impl Encoder {
    /// An encoder over verified files. The first session is made here, so that files that do not
    /// load are known at the start; the others when they are first needed.
    pub(crate) fn new(
        name: &str,
        spec: &ModelSpec,
        onnx: Vec<u8>,
        tokenizer: Vec<u8>,
        runtime: &Runtime,
        sessions: usize,
    ) -> Result<Self, EncoderError> {
        let model = match spec.pooling {
            Pooling::Mean => contextual(spec, onnx, tokenizer, fastembed::Pooling::Mean),
            Pooling::Cls => contextual(spec, onnx, tokenizer, fastembed::Pooling::Cls),
            Pooling::Sum => Model::Static {
                onnx,
                tokenizer: Box::new(fixed::tokenizer(&tokenizer).map_err(EncoderError::Fixed)?),
            },
        };
        let encoder = Self {
            name: name.into(),
            digest: spec.digest(),
            dimension: spec.dimension,
            prefix: spec.prefix.clone(),
            languages: spec.languages.clone(),
            runtime: runtime.clone(),
            model,
            max_tokens: spec.max_tokens,
            pool: Mutex::new(Pool {
                idle: Vec::new(),
                left: sessions.max(1) - 1,
            }),
            returned: Condvar::new(),
        };
        encoder.lock().idle.push(encoder.session()?);
        encoder.encode(&[String::new()])?;
        Ok(encoder)
    }

    /// Name in the registry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Digest of the model, which the settings of a stage contain.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Number of values in a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Languages the model was trained on (BCP 47).
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// Version of the ONNX Runtime in use, a circumstance of every vector.
    pub fn runtime_version(&self) -> &str {
        self.runtime.version()
    }

    /// One vector of length 1 for each text, in the order given. Of a text longer than the
    /// model's longest input, the beginning is read.
    ///
    /// # Errors
    /// When the model fails on a text or makes a vector of another length than announced.
    pub fn encode(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EncoderError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let mut loan = self.borrow()?;
        let Some(session) = loan.session.as_mut() else {
            return Ok(Vec::new());
        };
        let mut vectors = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            let whole = format!("{}{text}", self.prefix);
            let vector = self.vector(session, whole, (index, texts.len()))?;
            let non_finite = vector.iter().filter(|v| !v.is_finite()).count();
            if vector.len() != self.dimension || non_finite > 0 {
                return Err(EncoderError::Vector {
                    name: self.name.clone(),
                    found: vector.len(),
                    non_finite,
                    expected: self.dimension,
                });
            }
            vectors.push(vector);
        }
        Ok(vectors)
    }

    /// The vector of one text, the one at `place.0` of `place.1`.
    fn vector(
        &self,
        session: &mut Engine,
        text: String,
        place: (usize, usize),
    ) -> Result<Vec<f32>, EncoderError> {
        let (index, of) = place;
        match (session, &self.model) {
            (Engine::Static(session), Model::Static { tokenizer, .. }) => {
                fixed::pieces(tokenizer, &text, self.max_tokens)
                    .and_then(|pieces| session.encode(&pieces))
                    .map_err(|source| EncoderError::Sum { index, of, source })
            }
            (Engine::Contextual(session), _) => Ok(session
                .embed(&[text], Some(1))
                .map_err(|source| EncoderError::Encode { index, of, source })?
                .pop()
                .unwrap_or_default()),
            // No static session is ever made of another model; an empty vector is refused above.
            (Engine::Static(_), Model::Contextual(_)) => Ok(Vec::new()),
        }
    }

    /// An idle session, a new one while some are left, or the next one given back.
    fn borrow(&self) -> Result<Loan<'_>, EncoderError> {
        let mut pool = self.lock();
        loop {
            if let Some(session) = pool.idle.pop() {
                return Ok(Loan::new(self, session));
            }
            if pool.left > 0 {
                pool.left -= 1;
                drop(pool);
                return match self.session() {
                    Ok(session) => Ok(Loan::new(self, session)),
                    Err(error) => {
                        // The place is free again: another caller may be luckier.
                        self.lock().left += 1;
                        self.returned.notify_one();
                        Err(error)
                    }
                };
            }
            pool = self
                .returned
                .wait(pool)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One thread, so that no sum depends on the number of cores.
    fn session(&self) -> Result<Engine, EncoderError> {
        let model = match &self.model {
            Model::Contextual(model) => model,
            Model::Static { onnx, .. } => {
                return Fixed::new(onnx, &self.runtime)
                    .map(Engine::Static)
                    .map_err(EncoderError::Fixed);
            }
        };
        let options = InitOptionsUserDefined::new()
            .with_environment(self.runtime.environment())
            .with_execution_providers(vec![no_arena()])
            .with_max_length(self.max_tokens)
            .with_intra_threads(1);
        TextEmbedding::try_new_from_user_defined((**model).clone(), options)
            .map(|session| Engine::Contextual(Box::new(session)))
            .map_err(EncoderError::Model)
    }
}

/// A model whose token vectors fastembed pools.
fn contextual(
    spec: &ModelSpec,
    onnx: Vec<u8>,
    tokenizer: Vec<u8>,
    pooling: fastembed::Pooling,
) -> Model {
    // What fastembed reads of the other three files is in the registry or the tokenizer.
    let settings = serde_json::json!({
        "model_max_length": spec.max_tokens, "pad_token": "[PAD]",
    });
    let model = UserDefinedEmbeddingModel::new(
        onnx,
        TokenizerFiles {
            tokenizer_file: tokenizer,
            config_file: b"{}".to_vec(),
            special_tokens_map_file: b"{}".to_vec(),
            tokenizer_config_file: settings.to_string().into_bytes(),
        },
    );
    let model = model
        .with_quantization(QuantizationMode::None)
        .with_pooling(pooling);
    Model::Contextual(Box::new(model))
}

/// A borrowed session, given back even when the borrower panics.
struct Loan<'a> {
    encoder: &'a Encoder,
    session: Option<Engine>,
}

impl<'a> Loan<'a> {
    fn new(encoder: &'a Encoder, session: Engine) -> Self {
        Self {
            encoder,
            session: Some(session),
        }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.encoder.lock().idle.extend(self.session.take());
        self.encoder.returned.notify_one();
    }
}
