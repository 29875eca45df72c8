"""Architectures of transformers, small and with seeded weights, against torch.

Some run always, all with ``-m full``; those of ``DYNAMIC`` also with a dynamic batch and length.
"""

import inspect

import pytest

import plait

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")
transformers = pytest.importorskip("transformers")

BATCH, LENGTH = 2, 9
LAYERS = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
TEXT = dict(LAYERS, vocab_size=99, max_position_embeddings=64, pad_token_id=0)
LLAMA = dict(TEXT, num_key_value_heads=2, head_dim=8)
EXPERTS = dict(LLAMA, num_local_experts=4, num_experts_per_tok=2)
GPT = dict(n_embd=32, n_layer=2, n_head=4, vocab_size=99, n_positions=64)
SEQ2SEQ = dict(
    d_model=32,
    encoder_layers=2,
    decoder_layers=2,
    encoder_attention_heads=4,
    vocab_size=99,
    decoder_attention_heads=4,
    encoder_ffn_dim=64,
    decoder_ffn_dim=64,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
    decoder_start_token_id=1,
)
T5 = dict(d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, vocab_size=99)
VISION = dict(LAYERS, image_size=32, patch_size=8)
STAGES = dict(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1])
SWIN = dict(image_size=32, patch_size=2, embed_dim=16, depths=[2, 2], num_heads=[2, 4],
            window_size=4)  # fmt: skip
AUDIO = dict(
    LAYERS,
    conv_dim=(16, 16),
    conv_kernel=(10, 3),
    conv_stride=(5, 2),
    num_feat_extract_layers=2,
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=2,
)
STATE = dict(hidden_size=32, num_hidden_layers=2, vocab_size=99, state_size=8)
PYRAMID = dict(STAGES, num_attention_heads=[1, 2, 2, 4])

#: A model of transformers: its configuration, and the side of its images where it takes some.
MODELS = {
    # Encoders of text.
    "BertForMaskedLM": TEXT,
    "RobertaModel": TEXT,
    "DistilBertModel": dict(dim=32, n_layers=2, n_heads=4, hidden_dim=64, vocab_size=99),
    "AlbertModel": dict(TEXT, embedding_size=16),
    "ElectraModel": dict(TEXT, embedding_size=16),
    "DebertaV2Model": dict(
        TEXT, relative_attention=True, pos_att_type=["c2p", "p2c"], position_buckets=8
    ),
    "MPNetModel": TEXT,
    "ModernBertModel": dict(TEXT, global_attn_every_n_layers=2, local_attention=4),
    "FNetModel": TEXT,
    "SqueezeBertModel": dict(TEXT, embedding_size=32),
    "XLNetModel": dict(d_model=32, n_layer=2, n_head=4, d_inner=64, vocab_size=99),
    "T5EncoderModel": T5,
    # Decoders of text.
    "GPT2LMHeadModel": GPT,
    "GPTNeoForCausalLM": dict(
        hidden_size=32, num_layers=2, num_heads=4, vocab_size=99, max_position_embeddings=64,
        attention_types=[[["global", "local"], 1]], window_size=4,
    ),
    "GPTJForCausalLM": dict(GPT, rotary_dim=4),
    "GPTNeoXForCausalLM": TEXT,
    "OPTForCausalLM": dict(TEXT, ffn_dim=64, word_embed_proj_dim=32),
    "BloomForCausalLM": dict(hidden_size=32, n_layer=2, n_head=4, vocab_size=99),
    "FalconForCausalLM": TEXT,
    "MptForCausalLM": dict(d_model=32, n_heads=4, n_layers=2, vocab_size=99, max_seq_len=64),
    "LlamaForCausalLM": LLAMA,
    "MistralForCausalLM": dict(LLAMA, sliding_window=4),
    "MixtralForCausalLM": EXPERTS,
    "Qwen2ForCausalLM": LLAMA,
    "Qwen3ForCausalLM": LLAMA,
    "Qwen3MoeForCausalLM": dict(EXPERTS, num_experts=4, moe_intermediate_size=16),
    "GptOssForCausalLM": dict(EXPERTS, sliding_window=4),
    "GemmaForCausalLM": LLAMA,
    "Gemma2ForCausalLM": dict(LLAMA, sliding_window=4),
    "Gemma3ForCausalLM": dict(LLAMA, sliding_window=4),
    "PhiForCausalLM": TEXT,
    "Phi3ForCausalLM": dict(TEXT, num_key_value_heads=2),
    "Olmo2ForCausalLM": LLAMA,
    "StableLmForCausalLM": LLAMA,
    "CohereForCausalLM": LLAMA,
    "GraniteForCausalLM": LLAMA,
    "SmolLM3ForCausalLM": LLAMA,
    "MambaForCausalLM": STATE,
    "Mamba2ForCausalLM": dict(STATE, num_heads=4, head_dim=16, n_groups=1, chunk_size=4, expand=2),
    "FalconMambaForCausalLM": STATE,
    "RwkvForCausalLM": dict(STATE, attention_hidden_size=32),
    "RecurrentGemmaForCausalLM": dict(
        LLAMA, lru_width=32, num_hidden_layers=3, attention_window_size=4
    ),
    # Text to text, sound to text, sound.
    "T5Model": T5,
    "BartModel": dict(SEQ2SEQ, max_position_embeddings=64),
    "WhisperModel": dict(
        SEQ2SEQ, num_mel_bins=8, max_source_positions=20, max_target_positions=32
    ),
    "Wav2Vec2Model": AUDIO,
    "HubertModel": AUDIO,
    # Images.
    "ViTModel": VISION,
    "DeiTModel": VISION,
    "BeitModel": dict(VISION, use_relative_position_bias=True),
    "Dinov2Model": VISION,
    "BlipVisionModel": VISION,
    "YolosForObjectDetection": dict(VISION, image_size=[32, 32], num_detection_tokens=5),
    "SwinModel": SWIN,
    "Swinv2Model": SWIN,
    "ConvNextModel": dict(STAGES, image_size=32),
    "RegNetModel": dict(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], groups_width=8),
    "PoolFormerModel": STAGES,
    "PvtModel": dict(PYRAMID, image_size=32),
    "SegformerForSemanticSegmentation": dict(PYRAMID, decoder_hidden_size=16),
    "DPTForDepthEstimation": dict(
        VISION, num_hidden_layers=4, backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, reassemble_factors=[4, 2, 1, 0.5],
    ),
    "MobileViTModel": dict(
        image_size=32, hidden_sizes=[16, 24, 32], neck_hidden_sizes=[8, 8, 16, 16, 24, 24, 32],
        num_attention_heads=2,
    ),
    "SamVisionModel": dict(
        VISION, window_size=2, global_attn_indexes=[1], output_channels=16, mlp_dim=64
    ),
    # Images and text, series.
    "CLIPModel": dict(
        text_config=dict(TEXT, bos_token_id=1, eos_token_id=2, projection_dim=16),
        vision_config=VISION, projection_dim=16,
    ),
    "SiglipModel": dict(text_config=TEXT, vision_config=VISION),
    "PatchTSTForPrediction": dict(
        num_input_channels=2, context_length=32, patch_length=4, patch_stride=4, d_model=16,
        num_attention_heads=2, num_hidden_layers=2, prediction_length=4, ffn_dim=32,
    ),
}  # fmt: skip

#: Models whose batch and length may both be dynamic for torch.export.
DYNAMIC = """
    AlbertModel BeitModel BertForMaskedLM BlipVisionModel BloomForCausalLM CLIPModel
    CohereForCausalLM ConvNextModel DPTForDepthEstimation DebertaV2Model DeiTModel Dinov2Model
    DistilBertModel ElectraModel FalconForCausalLM GPT2LMHeadModel GPTJForCausalLM
    GPTNeoForCausalLM GPTNeoXForCausalLM Gemma2ForCausalLM Gemma3ForCausalLM GemmaForCausalLM
    GraniteForCausalLM HubertModel LlamaForCausalLM MPNetModel MistralForCausalLM MobileViTModel
    ModernBertModel MptForCausalLM OPTForCausalLM Olmo2ForCausalLM PatchTSTForPrediction
    Phi3ForCausalLM PhiForCausalLM PoolFormerModel PvtModel Qwen2ForCausalLM Qwen3ForCausalLM
    RegNetModel RobertaModel SegformerForSemanticSegmentation SamVisionModel SiglipModel
    SmolLM3ForCausalLM SqueezeBertModel StableLmForCausalLM SwinModel Swinv2Model T5EncoderModel
    T5Model ViTModel Wav2Vec2Model WhisperModel YolosForObjectDetection
""".split()
ALWAYS = {"GPT2LMHeadModel", "MixtralForCausalLM", "SwinModel"}
ALWAYS_DYNAMIC = {"CLIPModel", "MptForCausalLM", "Wav2Vec2Model"}


def some(names, always):
    return [n if n in always else pytest.param(n, marks=pytest.mark.full) for n in names]


class Tensors(torch.nn.Module):
    """The tensors among the results of a model of transformers, its inputs in order."""

    def __init__(self, name):
        super().__init__()
        torch.manual_seed(0)
        kind = getattr(transformers, name)
        self.model = kind(kind.config_class(**MODELS[name])).eval()
        if "Mixtral" in name or "Moe" in name or "GptOss" in name:
            self.model.set_experts_implementation("batched_mm")  # No loop over the data.
        arguments = inspect.signature(self.model.forward).parameters
        self.options = {"use_cache": False} if "use_cache" in arguments else {}
        self.names = [k for k in INPUTS if k in arguments and self.wants(k)]

    def wants(self, name):
        """Whether to give it an input: text of a decoder only beside an encoder's."""
        if name == "decoder_input_ids":
            return self.model.config.is_encoder_decoder
        return name == self.model.main_input_name or isinstance(
            self.model, transformers.CLIPModel | transformers.SiglipModel
        )

    def inputs(self, batch=BATCH, length=LENGTH):
        """Random inputs of these sizes."""
        return tuple(INPUTS[name](batch, length) for name in self.names)

    def forward(self, *args):
        result = self.model(**dict(zip(self.names, args, strict=True)), **self.options)
        leaves = torch.utils._pytree.tree_leaves(result.to_tuple())
        return tuple(leaf for leaf in leaves if isinstance(leaf, torch.Tensor))


INPUTS = {
    "input_ids": lambda batch, length: torch.randint(3, 99, (batch, length)),
    "input_features": lambda batch, length: torch.randn(batch, 8, 40),
    "input_values": lambda batch, length: torch.randn(batch, 800),
    "past_values": lambda batch, length: torch.randn(batch, 32, 2),
    "pixel_values": lambda batch, length: torch.randn(batch, 3, 32, 32),
    "decoder_input_ids": lambda batch, length: torch.randint(3, 99, (batch, length)),
}


def assert_equal(got, want):
    """Up to the rounding of reassociated sums, relative to the largest of a tensor."""
    for one, other in zip(got, want, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


@pytest.mark.parametrize("name", some(MODELS, ALWAYS))
def test_architecture(name):
    model = Tensors(name)
    with torch.no_grad():
        exe = plait.compile(plait.from_torch(model, model.inputs()))
        args = model.inputs()
        assert_equal(exe(*args), model(*args))


@pytest.mark.parametrize("name", some(DYNAMIC, ALWAYS_DYNAMIC))
def test_dynamic_batch_and_length(name):
    model = Tensors(name)
    batch, length = torch.export.Dim("batch", max=16), torch.export.Dim("length", max=32)
    shapes = tuple({0: batch, 1: length} if "ids" in key else {0: batch} for key in model.names)
    with torch.no_grad():
        exe = plait.compile(plait.from_torch(model, model.inputs(), dynamic_shapes=(shapes,)))
        for sizes in [(2, 9), (1, 1), (3, 17), (5, 2), (1, 32)]:
            args = model.inputs(*sizes)
            assert_equal(exe(*args), model(*args))


def test_experts_by_a_loop_over_the_data_are_refused():
    model = Tensors("MixtralForCausalLM")
    model.model.set_experts_implementation("grouped_mm")
    with pytest.raises(plait.FrontendError, match="set_experts_implementation"):
        plait.from_torch(model, model.inputs())
