# The architectures on which the converter is measured: from torchvision, timm and transformers, with random weights.
# Used by peer.py, which exports them. Nothing is downloaded.
import torch


def torchvision_without_compiled_operators():
    """torchvision's compiled operators do not load beside every build of torch; its Python only needs their names."""
    try:
        import torchvision  # noqa: F401
        return
    except (RuntimeError, ImportError):
        pass
    import sys
    for name in [name for name in sys.modules if name.startswith('torchvision')]:
        del sys.modules[name]
    library = torch.library.Library('torchvision', 'FRAGMENT')
    for schema in [
        'nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
        'qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
        'roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width,'
        ' int sampling_ratio, bool aligned) -> Tensor',
        '_roi_align_backward(Tensor a) -> Tensor',
        'roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width)'
        ' -> (Tensor, Tensor)',
        'ps_roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width,'
        ' int sampling_ratio) -> (Tensor, Tensor)',
        'ps_roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width)'
        ' -> (Tensor, Tensor)',
        'deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt a, SymInt b,'
        ' SymInt c, SymInt d, SymInt e, SymInt f, SymInt g, SymInt h, bool use_mask) -> Tensor',
    ]:
        try:
            library.define(schema)
        except RuntimeError:
            pass  # defined by the part that did load
    torchvision_without_compiled_operators.kept = library


class Head(torch.nn.Module):
    """Backbone and head of a detector, without the choice of boxes, whose shapes depend on the data."""

    def __init__(self, detector):
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.head

    def forward(self, images):
        features = list(self.backbone(images).values())
        return self.head(features)


def _vision(name, size=224, **options):
    def make():
        torchvision_without_compiled_operators()
        import torchvision
        return torchvision.models.get_model(name, weights=None, **options), ([3, size, size],)
    return make


def _detector(name, size):
    def make():
        torchvision_without_compiled_operators()
        import torchvision
        return Head(torchvision.models.get_model(name, weights=None, weights_backbone=None)), ([3, size, size],)
    return make


def _timm(name, size=224):
    def make():
        torchvision_without_compiled_operators()
        import timm
        return timm.create_model(name, pretrained=False), ([3, size, size],)
    return make


class Output(torch.nn.Module):
    """A transformers model with its first outputs as plain tensors."""

    def __init__(self, model, names, **fixed):
        super().__init__()
        self.model, self.names, self.fixed = model, names, fixed

    def forward(self, first):
        out = self.model(first, **self.fixed)
        return tuple(out[name] for name in self.names)


def _text(config, model, names, **options):
    def make():
        torchvision_without_compiled_operators()
        import transformers
        fixed = options.pop('fixed', {})
        made = getattr(transformers, model)(getattr(transformers, config)(**options))
        return Output(made, names, **fixed), (('tokens', 100, [12]),)
    return make


def _image(config, model, names, shape, **options):
    def make():
        torchvision_without_compiled_operators()
        import transformers
        return Output(getattr(transformers, model)(getattr(transformers, config)(**options)), names), (shape,)
    return make


_SMALL = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, vocab_size=100)

MODELS = {
    **{f'torchvision/{name}': _vision(name) for name in [
        'resnet18', 'resnet50', 'mobilenet_v2', 'mobilenet_v3_small', 'mobilenet_v3_large', 'efficientnet_b0',
        'efficientnet_v2_s', 'convnext_tiny', 'densenet121', 'vgg11_bn', 'squeezenet1_1', 'shufflenet_v2_x1_0',
        'regnet_y_400mf', 'regnet_x_400mf', 'vit_b_32', 'swin_t', 'swin_v2_t', 'mnasnet0_5', 'alexnet', 'maxvit_t',
        'resnext50_32x4d',
    ]},
    'torchvision/googlenet': _vision('googlenet', init_weights=False),
    'torchvision/inception_v3': _vision('inception_v3', 299, init_weights=False),
    'torchvision/lraspp_mobilenet_v3_large': _vision('lraspp_mobilenet_v3_large', 160, weights_backbone=None),
    'torchvision/deeplabv3_mobilenet_v3_large': _vision('deeplabv3_mobilenet_v3_large', 160, weights_backbone=None),
    'torchvision/fcn_resnet50': _vision('fcn_resnet50', 128, weights_backbone=None),
    'torchvision/ssdlite320_mobilenet_v3_large head': _detector('ssdlite320_mobilenet_v3_large', 320),
    'torchvision/retinanet_resnet50_fpn head': _detector('retinanet_resnet50_fpn', 256),
    **{f'timm/{name}': _timm(name) for name in [
        'mobilevitv2_050', 'ghostnet_100', 'efficientformer_l1', 'mixer_s32_224', 'convnextv2_atto', 'levit_128',
        'edgenext_xx_small', 'poolformer_s12', 'hrnet_w18_small', 'deit_tiny_patch16_224', 'repvgg_a0',
        'tf_efficientnet_lite0', 'fastvit_t8', 'xcit_nano_12_p16_224', 'beit_base_patch16_224', 'pvt_v2_b0',
        'mobileone_s0', 'dla34', 'skresnet18', 'res2net50_26w_4s', 'gmlp_s16_224', 'mobilenetv4_conv_small',
    ]},
    'timm/mobilevit_xxs': _timm('mobilevit_xxs', 256),
    'timm/eva02_tiny_patch14_224': _timm('eva02_tiny_patch14_224'),
    'transformers/BERT': _text('BertConfig', 'BertModel', ['last_hidden_state', 'pooler_output'], **_SMALL),
    'transformers/DistilBERT': _text('DistilBertConfig', 'DistilBertModel', ['last_hidden_state'],
                                     dim=64, n_layers=2, n_heads=4, hidden_dim=128, vocab_size=100),
    'transformers/GPT-2': _text('GPT2Config', 'GPT2LMHeadModel', ['logits'], n_embd=64, n_layer=2, n_head=4,
                                vocab_size=100, n_positions=64, fixed=dict(use_cache=False)),
    'transformers/LLaMA': _text('LlamaConfig', 'LlamaForCausalLM', ['logits'], num_key_value_heads=2,
                                fixed=dict(use_cache=False), **_SMALL),
    'transformers/Qwen2': _text('Qwen2Config', 'Qwen2ForCausalLM', ['logits'], num_key_value_heads=2,
                                fixed=dict(use_cache=False), **_SMALL),
    'transformers/T5 encoder': _text('T5Config', 'T5EncoderModel', ['last_hidden_state'], d_model=64, d_kv=16,
                                     d_ff=128, num_layers=2, num_heads=4, vocab_size=100),
    'transformers/CLIP text': _text('CLIPTextConfig', 'CLIPTextModel', ['last_hidden_state', 'pooler_output'],
                                    **{**_SMALL, 'eos_token_id': 99, 'bos_token_id': 98, 'pad_token_id': 1}),
    'transformers/CLIP vision': _image('CLIPVisionConfig', 'CLIPVisionModel', ['last_hidden_state', 'pooler_output'],
                                       [3, 64, 64], hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
                                       intermediate_size=128, image_size=64, patch_size=16),
    'transformers/Whisper encoder': None,
    'transformers/ViT': _image('ViTConfig', 'ViTModel', ['last_hidden_state'], [3, 64, 64], hidden_size=64,
                               num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, image_size=64,
                               patch_size=16),
}


def _whisper():
    torchvision_without_compiled_operators()
    import transformers
    from transformers.models.whisper.modeling_whisper import WhisperEncoder
    config = transformers.WhisperConfig(d_model=64, encoder_layers=2, encoder_attention_heads=4, encoder_ffn_dim=128,
                                        num_mel_bins=80, max_source_positions=100)
    return Output(WhisperEncoder(config), ['last_hidden_state']), ([80, 200],)


MODELS['transformers/Whisper encoder'] = _whisper


def make(name):
    """The model in inference mode, and the shapes of its inputs without the batch."""
    torch.manual_seed(0)
    model, shapes = MODELS[name]()
    model.eval()
    # Statistics other than zero and one, so that a wrong order of the four shows.
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    # Parameters that begin at or near zero (heads, scales of residual branches, biases) hide what they multiply.
    for name, parameter in model.named_parameters():
        if parameter.abs().max() < 1e-3:
            with torch.no_grad():
                if parameter.ndim >= 2 or name.endswith('bias'):
                    parameter.normal_(0, 0.05)
                else:
                    parameter.uniform_(0.05, 0.15)
    return model, shapes


def inputs(shapes, batch, seed):
    generator = torch.Generator().manual_seed(seed)
    made = []
    for shape in shapes:
        if isinstance(shape, tuple):
            _, top, rest = shape
            made.append(torch.randint(2, top, [batch, *rest], generator=generator))
        else:
            made.append(torch.randn([batch, *shape], generator=generator))
    return tuple(made)
