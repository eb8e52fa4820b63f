# Small modules and the inputs they are tried on: together they use every operator that the converter maps. Used by
# make.py, which exports them. Kept dense, a case a line: what a module computes is its own description.
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
R = torch.randn
MODULES = {}


def fn(f):
    class Function(nn.Module):
        def forward(self, *a):
            return f(*a)
    return Function()


def u(name, module, *args, dyn=None):
    """A case: its module or function, its inputs, and the axes of the first input that are dynamic."""
    MODULES[name] = (module if isinstance(module, nn.Module) else fn(module), args, dyn)


# What the sweep over PyTorch's own database of operators found wrong once (npm run conformance -- pytorch).
q=R(3,4); n=torch.randint(-5,6,(3,4)); t=n>0; s=torch.tensor(2.5); nan=torch.where(q>0,q,float('nan'))
u('sweep_bool',lambda t,o:(torch.maximum(t,o),torch.minimum(t,o),torch.clamp(t,min=o),torch.fmax(t,o),
    t.masked_fill(o,True),torch.add(t,o,alpha=False),torch.outer(t[0],o[0]),torch.sign(t),torch.isfinite(t),
    torch.isclose(t,o),t.max(1)[0],t.sort(1)[0]),t,n>2)
u('sweep_int',lambda n:(torch.trunc(n),torch.relu(n),torch.isfinite(n),torch.nan_to_num(n),
    F.max_pool2d(n[None],2),F.pixel_shuffle(n.view(1,4,1,3),2),torch.isclose(n,n+1)),n)
u('sweep_nan',lambda x,y:(torch.fmax(x,y),torch.fmin(x,y),torch.isclose(x,y,equal_nan=True),
    torch.isclose(x/0,y/0),torch.nanmean(x),x.nanmedian(),x.median(1)[0]),nan,q)
u('sweep_rank0',lambda s:(F.softmax(s,0),F.log_softmax(s,0),s.argmax(0),torch.roll(s,1),
    s.index_select(0,torch.tensor([0])),s.index_fill(0,torch.tensor([0]),1.),s.gather(0,torch.tensor([0,0])),
    s.scatter(0,torch.tensor(0),4.),s.sort()[0],s.topk(1)[0],s.unfold(0,1,1),
    F.cosine_similarity(s,-s,dim=0)),-s)
E0=torch.zeros(3,0)
u('sweep_empty',lambda e,m,b:(torch.addmm(b,e,m,beta=.5),e.mean(),e.var(),e.mean(1),e.flip(1),e.roll(1),
    F.pad(e[None],(0,0,1,1),mode='circular'),F.group_norm(e[None].transpose(1,2)[:,:0].reshape(0,3,1),3)),
    E0,torch.zeros(0,4),q)
u('sweep_zero',lambda a,b:(torch.atan2(a,b),torch._safe_softmax(b-torch.inf,1),torch.xlogy(a,b)),
    torch.tensor([[0.,0.,1.,-1.]]),torch.tensor([[0.,-1.,0.,0.]]))
u('sweep_pad',lambda x:(F.pad(x,(2,1,0,2),mode='circular'),F.pad(x,(-1,1,-2,1),mode='circular'),
    F.pad(x,(-3,4,0,0),mode='replicate'),F.pad(x,(-1,2,1,-2),mode='replicate')),R(1,2,4,4))
u('sweep_interpolate',lambda x:(F.interpolate(x,scale_factor=1.7,mode='linear'),F.interpolate(x,scale_factor=1.7),
    F.interpolate(x,scale_factor=.6),F.interpolate(x[None],scale_factor=(1.3,.7),mode='bilinear')),R(2,3,4))
u('sweep_adaptive',lambda x:(*F.adaptive_max_pool2d(x,(3,2),return_indices=True),F.adaptive_max_pool2d(x,(2,4)),
    *F.adaptive_max_pool1d(x[0],3,return_indices=True)),R(1,2,7,5))
u('sweep_transposed',lambda x,w:F.conv_transpose2d(x,w,stride=2,dilation=3,padding=2,output_padding=2),R(1,2,4,4),
    R(2,3,3,3))
u('sweep_einsum',lambda a,b:(torch.einsum('...ik, ...j -> ij',a,b),torch.einsum('...i,...i->...',a[0],b),
    torch.tensordot(a,b,([2],[0])),torch.inner(a,b),torch.kron(b,b)),R(1,2,3),R(3))
u('sweep_msort',lambda x:(torch.msort(x),torch.kthvalue(x,2,0)[0],torch.cummax(x,1)[0],torch.cummin(x,0)[1],
    torch.cumprod(x,1),torch.logcumsumexp(x,1),torch.quantile(x,.3,dim=1),torch.quantile(x,torch.tensor([.1,.9])),
    torch.histc(x,4,-2,2),torch.bucketize(x,torch.tensor([-1.,0.,1.])),torch.isin(x,x[0])),q)
idx=torch.tensor([[0,1,0],[2,0,1]])
REDUCE='sum prod mean amax amin'.split()
u('sweep_scatter',lambda x,i,y:tuple(x.scatter_reduce(0,i,y,r,include_self=k) for r in REDUCE for k in (True,False)),
    R(3,3),idx,R(2,3))
u('sweep_mask',lambda x,m,y:(x[m],x.masked_scatter(m,y),torch.masked_select(x,m),
    x.index_put((m,),y.view(-1)[0])),q,t,R(4,4))
u('sweep_arrange',lambda a,b:(*torch.meshgrid(a,b,indexing='xy'),torch.cartesian_prod(a,b),torch.block_diag(a,b),
    torch.diag_embed(a,1),torch.diag(b,-1),torch.rot90(torch.outer(a,b)),
    torch.diagonal_scatter(torch.outer(b,b),a,1),torch.atleast_3d(a),torch.column_stack((b,b)),
    torch.as_strided(b,(2,2),(1,2)),torch.trapezoid(b)),R(3),R(4))
LOSSES='mse_loss l1_loss huber_loss smooth_l1_loss binary_cross_entropy_with_logits kl_div soft_margin_loss'.split()
u('sweep_losses',lambda x,y,c:(*(getattr(F,l)(x,y,reduction=r) for l in LOSSES for r in ('none','mean','sum')),
    F.cross_entropy(x,c),F.cross_entropy(x,c,weight=y[0],label_smoothing=.1),F.nll_loss(x,c,reduction='none'),
    F.cross_entropy(x,y),F.pairwise_distance(x,y),torch.cdist(x,y),torch.dist(x,y,3.),F.pdist(x)),
    q,torch.rand(3,4),torch.tensor([1,3,-100]))
u('sweep_formulas',lambda x,y:(torch.logaddexp(x,y),torch.logaddexp2(x,y),torch.copysign(x,y),torch.heaviside(x,y),
    torch.sinc(x),torch.signbit(x),torch.cross(x[:,:3],y[:,:3],dim=1),torch.addr(x,x[:,0],y[0],beta=.5),
    torch.linalg.matrix_norm(x,1),torch.linalg.norm(x),torch.det(x[:,:3]),torch.linalg.matrix_power(x[:,:3],5)),
    q,R(3,4))

x=R(2,6,8); img=R(2,4,9,11)
UNARY = '''relu sigmoid tanh exp abs neg sin cos tan asin acos atan sinh cosh asinh atanh erf floor ceil round reciprocal
    sign square expm1 exp2 isnan isinf isfinite logical_not erfc trunc frac deg2rad'''.split()
u('unary', lambda x: tuple(getattr(torch, n)(x) for n in UNARY), torch.rand(3, 5) * 1.8 - 0.9)
u('unary_positive', lambda x: tuple(getattr(torch, n)(x) for n in 'sqrt log log1p log2 log10 rsqrt'.split()), torch.rand(3, 5) + 0.1)
u('acosh',torch.acosh,torch.rand(3,5)+1.1)
ACTIVATIONS = '''silu gelu hardswish hardsigmoid relu6 hardtanh leaky_relu elu selu celu softplus mish logsigmoid softsign
    tanhshrink hardshrink softshrink glu'''.split()
u('activations', lambda x: tuple(getattr(F, n)(x) for n in ACTIVATIONS), R(3, 6) * 3)
u('softmaxes', lambda x: (F.softmin(x, dim=-1), F.softmax(x, dim=1), F.log_softmax(x, dim=-1)), R(3, 6))
u('gelu_tanh',lambda x:F.gelu(x,approximate='tanh'),x)
u('elu_scale',lambda x:F.elu(x,1.5),x); u('softplus_b',lambda x:F.softplus(x,2.,5.),x*5)
u('prelu',nn.PReLU(4),img); u('threshold',lambda x:F.threshold(x,.1,20.),x)
u('clamp',lambda x:torch.clamp(x,-.5,.5)+torch.clamp(x,min=.1)+torch.clamp(x,max=.3),x)
u('clamp_t',lambda x,a,b:torch.clamp(x,a,b),x,-torch.rand(8),torch.rand(8))
u('nan_to_num',lambda x:torch.nan_to_num(x/(x>0)),x)
u('addetc',lambda a,b:(a+b, torch.add(a,b,alpha=2), a-b, torch.sub(a,b,alpha=.5), a*b, a/b, 1-a, a+1, a*2.5, 3/b),x,
    R(6,8)+3)
i=torch.randint(-7,8,(4,5)); j=torch.randint(1,5,(4,5))
u('intarith',lambda a,b:(a+b,a*b,a//b,a%b,torch.div(a,b,rounding_mode='floor'),torch.div(a,b,rounding_mode='trunc'),
    a/b,torch.remainder(a,b),torch.fmod(a,b),a**2,-a,a+1.5,a*2),i,j)
u('floatdiv',lambda a,b:(a//b,a%b,torch.div(a,b,rounding_mode='trunc'),torch.fmod(a,b),
    a**b.abs().clamp(max=2).round()),x*3,R(6,8).abs()+.5)
u('pow',lambda a:(a**2,a**.5,a**-1,a**-.5,a**3,2**a,torch.pow(a,1.7)),torch.rand(3,4)+.2)
u('cmp',lambda a,b:(a==b,a!=b,a<b,a<=b,a>b,a>=b,a==1,a>0,a<=.5,a!=2),i,j)
u('logic',lambda a,b:(torch.logical_and(a,b),torch.logical_or(a,b),torch.logical_xor(a,b),a&b,a|b,a^b,~a),i,j)
u('boolops',lambda a,b:(a&b,a|b,a^b,~a,a+b,a*b,(a==b)),i>0,j>2)
u('shift',lambda a:(a<<2,a>>1),j)
u('minmax',lambda a,b:(torch.maximum(a,b),torch.minimum(a,b),torch.max(a,b),torch.min(a,b)),x,R(6,8))
u('where',lambda a,b:(torch.where(a>0,a,b),torch.where(a>0,a,0.),torch.where(a>0,1.,b),a.masked_fill(a>0,-1e4)),x,
    R(6,8))
u('addc',lambda a,b,c:(torch.addcmul(a,b,c,value=.5),torch.addcdiv(a,b,c.abs()+1),torch.lerp(a,b,.3),torch.lerp(a,b,
    c)),R(3,4),R(3,4),R(3,4))
u('atan2',lambda a,b:(torch.atan2(a,b),torch.hypot(a,b),torch.isclose(a,b)),R(3,4),R(3,4))
u('reduce',lambda x:(x.sum(),x.sum(1),x.sum((0,2),keepdim=True),x.mean(),x.mean(-1),x.prod(1),x.amax(1),x.amin((0,
    1)),x.logsumexp(-1),x.max(),x.min(),tuple(x.max(1)),tuple((x.min(2,keepdim=True))),x.argmax(),x.argmax(1),x.argmin(2,
    keepdim=True)),x)
u('reduceint',lambda x:(x.sum(),x.sum(0),x.prod(1),x.any(),x.all(1),(x>0).any(1),(x>0).sum(),torch.count_nonzero(x),
    torch.count_nonzero(x,1),x.float().mean()),i)
u('var',lambda x:(x.var(),x.var(1),x.std(-1),x.var(1,unbiased=False),x.std((0,2),keepdim=True),torch.var_mean(x,1),
    torch.std_mean(x,(1,2)),torch.var(x,1,correction=2)),x)
u('norm',lambda x:(x.norm(),x.norm(dim=1),x.norm(1,dim=1),torch.linalg.vector_norm(x,3.,1),
    torch.linalg.vector_norm(x,float('inf'),1),torch.linalg.vector_norm(x,-float('inf'),1),F.normalize(x,dim=1),
    torch.linalg.vector_norm(x,0,1)),x)
u('cum',lambda x:(x.cumsum(1),torch.diff(x,dim=1),torch.diff(x,n=2)),x)
u('cos_sim',lambda a,b:F.cosine_similarity(a,b),x,R(2,6,8))
u('view',lambda x:(x.view(2,-1),x.reshape(12,8),x.flatten(),x.flatten(1),x.unflatten(2,(2,4)),x.view(2,6,2,
    4).transpose(1,2).reshape(4,-1),x[None],x.squeeze(),x.unsqueeze(-1).squeeze(-1),x.permute(2,0,1),x.mT,
    x.movedim(0,2),x.swapaxes(0,1)),x,dyn=0)
u('slices',lambda x:(x[:,1:],x[:,:-1],x[...,::2],x[:,2],x[:,-1],x[0],x[:,1:5:2,3],x.narrow(1,2,3),x.select(2,1),x[:,
    :, None, 2:4]),x,dyn=0)
u('splits',lambda x:(x.split(4,2),x.split([1,5],1),x.chunk(3,1),x.chunk(4,1),x.unbind(1),torch.tensor_split(x,3,2)),
    x,dyn=0)
u('expand',lambda x:(x[:,:1].expand(-1,6,-1),x[:,:,:1].expand_as(x),x[0].expand(2,-1,-1),torch.broadcast_to(x[:1],
    (2,6,8))),x)
u('expand_dyn',lambda x:(x[:,:1].expand(-1,6,-1),x[:,:,:1].expand_as(x),torch.ones(1,6,8).expand(x.shape[0],-1,
    -1)+x),x,dyn=0)
u('catstack',lambda a,b:(torch.cat([a,b],1),torch.stack([a,b],1),torch.stack([a,b],-1),torch.hstack([a,b]),
    torch.cat([a,a.to(torch.float64)])),x,R(2,6,8))
u('repeat',lambda x:(x.repeat(1,2,1),x.repeat(2,1,1,1),x.tile(2),x.repeat_interleave(3,1),x.repeat_interleave(2)),x)
u('rollflip',lambda x:(x.roll(2,1),x.roll((1,-2),(1,2)),x.roll(3),x.flip(1),x.flip((1,2))),x)
u('pad',lambda x:(F.pad(x,(1,2)),F.pad(x,(1,2,0,3),value=2.),F.pad(x,(1,2),mode='reflect'),F.pad(x,(1,2),
    mode='replicate'),F.pad(x,(1,2),mode='circular'),F.pad(x,(-1,-1))),x)
u('pad2',lambda x:(F.pad(x,(1,2,1,0),mode='reflect'),nn.ReplicationPad2d(2)(x),nn.ZeroPad2d(1)(x)),img)
u('tri',lambda x:(x.tril(),x.triu(1),torch.diagonal(x,0,1,2),torch.diagonal(x,1,1,2),x.diagonal(-1,1,2)),x)
u('unfold',lambda x:(x.unfold(2,3,2),x.unfold(1,2,1)),x)
u('im2col',lambda x:(F.unfold(x,3),F.unfold(x,(2,3),padding=1,stride=2,dilation=(1,2))),img)
u('fold',lambda x:F.fold(x,(5,6),(2,2)),R(2,8,20))
u('pix',lambda x:(F.pixel_shuffle(x,2),F.channel_shuffle(x,2)),img)
u('unpix',lambda x:F.pixel_unshuffle(x,2),R(2,3,8,6))
u('linear',nn.Linear(8,5),x); u('linear2',nn.Linear(8,5,bias=False),R(3,8)); u('linear1',nn.Linear(8,5),R(8))
u('bilin',nn.Bilinear(3,4,5),R(2,3),R(2,4))
u('mms',lambda a,b,v:(a@b,torch.bmm(a,b),a[0].mm(b[0]),a[0].mv(v),v.dot(v),torch.addmm(a[0,:1,:6],a[0],b[0],
    alpha=.5,beta=2),torch.baddbmm(a@b,a,b),torch.outer(v,v),torch.addbmm(a[0]@b[0],a,b)),R(2,6,8),R(2,8,6),R(8))
u('einsum',lambda a,b:(torch.einsum('bij,bjk->bik',a,b),torch.einsum('bij,bkj->bik',a,a),torch.einsum('bij->bji',a),
    torch.einsum('bij,bij->b',a,a),torch.einsum('...ij->...i',a)),R(2,6,8),R(2,8,6))
u('conv1',nn.Conv1d(6,4,3,padding=1),x,dyn=0); u('conv2',nn.Conv2d(4,8,(3,2),stride=(2,1),padding=(1,0),dilation=(1,
    2),groups=2),img,dyn=0); u('conv3',nn.Conv3d(2,3,2),R(1,2,4,5,6))
for m in ('zeros','reflect','replicate','circular'): u('conv_'+m,nn.Conv2d(4,4,3,padding=1,padding_mode=m),img)
u('conv_same',nn.Conv2d(4,4,(4,3),padding='same',dilation=2),img)
u('conv_valid',nn.Conv2d(4,4,3,padding='valid'),img); u('conv_nobatch',nn.Conv2d(4,4,3),img[0])
u('convt1',nn.ConvTranspose1d(6,4,3,stride=2,padding=1,output_padding=1),x)
u('convt2',nn.ConvTranspose2d(4,6,3,stride=2,groups=2,dilation=2,bias=False),img)
u('convt3',nn.ConvTranspose3d(2,3,2),R(1,2,4,5,6))
bn=nn.BatchNorm2d(4); bn.running_mean.normal_(); bn.running_var.uniform_(.5,2); u('bn',bn,img,dyn=0)
u('bn1',nn.BatchNorm1d(6,affine=False),x)
u('ln',nn.LayerNorm(8),x); u('ln2',nn.LayerNorm((6,8),elementwise_affine=False),x)
u('gn',nn.GroupNorm(2,4),img,dyn=0); u('gn1',nn.GroupNorm(1,4),img); u('gnc',nn.GroupNorm(4,4,affine=False),img)
u('in',nn.InstanceNorm2d(4,affine=True),img); u('in2',nn.InstanceNorm2d(4,track_running_stats=True),img)
u('rms',nn.RMSNorm(8),x); u('lrn',nn.LocalResponseNorm(2),img)
for c in (False,True):
    u(f'mp{c}',nn.MaxPool2d(3,2,1,ceil_mode=c),img,dyn=0); u(f'mp1{c}',nn.MaxPool1d(2,ceil_mode=c),R(2,3,7))
    u(f'mp3{c}',nn.MaxPool3d(2,ceil_mode=c),R(1,2,5,6,7)); u(f'mpd{c}',nn.MaxPool2d(2,3,dilation=2,ceil_mode=c),img)
    for k in (False,True): u(f'ap{c}{k}',nn.AvgPool2d(3,2,1,ceil_mode=c,count_include_pad=k),img,dyn=0)
    u(f'ap1{c}',nn.AvgPool1d(3,2,ceil_mode=c),R(2,3,8)); u(f'apd{c}',nn.AvgPool2d(2,divisor_override=3,ceil_mode=c),
        img); u(f'ap3{c}',nn.AvgPool3d(2,ceil_mode=c),R(1,2,5,6,7))
u('mpi',nn.MaxPool2d(2,return_indices=True),R(2,3,6,8))
u('aap',lambda x:(F.adaptive_avg_pool2d(x,1),F.adaptive_avg_pool2d(x,(3,11)),F.adaptive_avg_pool2d(x,(5,4)),
    F.adaptive_avg_pool2d(x,(None,1)),F.adaptive_max_pool2d(x,1),F.adaptive_max_pool2d(x,(3,1)),
    F.adaptive_avg_pool1d(x[:,:,0],4)),img)
q=R(2,4,5,8)
u('sdpa',lambda q,k,v:(F.scaled_dot_product_attention(q,k,v),F.scaled_dot_product_attention(q,k,v,scale=.3)),q,R(2,
    4,7,8),R(2,4,7,8))
u('sdpam',lambda q,k,v,m,b:(F.scaled_dot_product_attention(q,k,v,attn_mask=m),F.scaled_dot_product_attention(q,k,v,
    attn_mask=b)),q,R(2,4,7,8),R(2,4,7,8),R(5,7),torch.rand(5,7)>.3)
u('sdpac',lambda q,k:F.scaled_dot_product_attention(q,k,k,is_causal=True),q,R(2,4,5,8),dyn=0)
u('sdpag',lambda q,k:F.scaled_dot_product_attention(q,k,k,enable_gqa=True),q,R(2,2,5,8))
u('mha',nn.MultiheadAttention(8,2,batch_first=True),x,x,x); u('enc',
    nn.TransformerEncoder(nn.TransformerEncoderLayer(8,2,16,batch_first=True),2),x,dyn=0); u('dec',
    nn.TransformerDecoderLayer(8,2,16,batch_first=True),x,x)
u('transformer',nn.Transformer(8,2,1,1,16,batch_first=True),x,x)
idx=torch.tensor([[0,2,1],[3,1,0]])
u('embed',nn.Embedding(10,4,padding_idx=0),idx,dyn=0)
u('gather',lambda x,i:(x.gather(1,i),torch.take_along_dim(x,i,1),x.gather(-1,i)),R(2,6),idx)
u('index',lambda x,i:(x[:,i[0]],x[i[0]%2],x[i[0]%2,i[1]],x[:,i%6],x[:,i[0],i[1]],x[i[0]%2,:,i[1]],x[...,i[0]],
    x.index_select(1,i[0]),x[:,:,i[:,:1],],x[i%2,i,i]),x,idx)
u('index_put',lambda x,i:(x.index_put((i[0]%2,i[1]),torch.ones(3,8)),x.index_put((i[0]%2,),torch.tensor(2.),
    accumulate=True),torch.index_put(x,(x>0,),torch.tensor(0.)),x.index_add(1,i[0],torch.ones(2,3,8),alpha=2),
    x.index_copy(1,i[0],torch.ones(2,3,8)),x.index_fill(1,i[0],3.)),x,idx)
u('scatter',lambda x,i:(x.scatter(1,i,1.5),x.scatter(1,i,torch.ones(2,6)),x.scatter_add(1,i,torch.ones(2,3)),
    x.scatter_reduce(1,i,torch.ones(2,3),'amax'),x.scatter_reduce(1,i,torch.ones(2,3)*2,'prod')),R(2,6),idx)
u('slice_scatter',lambda x:(torch.slice_scatter(x,torch.zeros(2,2,8),1,1,3),torch.select_scatter(x,torch.zeros(2,8),
    1,-1)),x)
u('onehot',lambda i:F.one_hot(i,6),idx); u('take',lambda x:x.take(torch.tensor([1,5,7])),x)
def ip(x):
    y=x.clone(); y[:,1:3]=0; y[:,0]+=1; y[0].mul_(2); z=y.view(2,-1); z[:,::3]=7; y.transpose(1,2)[:,2].add_(5)
    w=y[...,:2]; w*=3; return y,z,w
u('inplace',ip,x)
def ip2(x):
    y=torch.zeros(2,4,8); y[:, :3].copy_(x[:, :3]); y.fill_diagonal_ if False else None; y[x[:,:4]>1]=9.
    y.clamp_(max=3); y[0,1,2]=11; y.relu_(); t=y.flatten(1); t[:,0]=-4; a,b=y.chunk(2,1); a.neg_(); return y,t,b
u('inplace2',ip2,x)
def ip3(x):
    y=x.transpose(1,2).reshape(2,-1); y.zero_(); c=x.transpose(1,2).contiguous(); c+=1; return x+0,y,c
u('inplace3',ip3,x)
u('creation',lambda x:(torch.zeros_like(x),torch.ones(x.shape[0],3),torch.full((2,2),3),torch.arange(5),
    torch.arange(1,10,2),torch.arange(0,1,.25),torch.eye(3,4),torch.linspace(0,1,7),x.new_zeros(3),x.new_full((2,),
    4.),torch.full_like(x,2.),torch.tril_indices(3,3),torch.triu_indices(3,4,1),torch.arange(x.shape[0])),x,dyn=0)
u('casts',lambda x,i:(x.int(),x.long(),x.bool(),i.float(),x.double(),x.half().float(),i.to(torch.int32),
    x.type_as(i)),x*5,idx)
u('sort',lambda x:(tuple(x.sort(-1)),tuple(x.sort(1,descending=True)),x.argsort(-1),tuple(x.topk(3)),tuple(x.topk(2,1,largest=False))),R(3,7))
u('interp',lambda x:(F.interpolate(x,scale_factor=2),F.interpolate(x,(7,13)),F.interpolate(x,scale_factor=2,
    mode='bilinear'),F.interpolate(x,(5,20),mode='bilinear',align_corners=True),F.interpolate(x,scale_factor=1.5,
    mode='bilinear'),F.interpolate(x,(20,22),mode='bicubic'),F.interpolate(x,(18,5),mode='nearest-exact')),img,
    dyn=0)
u('interp_aa',lambda x:(F.interpolate(x,(5,6),mode='bilinear',antialias=True),F.interpolate(x,(5,6),mode='bicubic',
    antialias=True)),img)
u('interp1',lambda x:(F.interpolate(x,scale_factor=2,mode='linear'),F.interpolate(x,5)),x)
u('interp3',lambda x:F.interpolate(x,scale_factor=2,mode='trilinear'),R(1,2,3,4,5))
u('grid',lambda x,g:(F.grid_sample(x,g,align_corners=False),F.grid_sample(x,g,'nearest','border',
    align_corners=True),F.grid_sample(x,g,'bicubic','reflection',align_corners=False)),img,torch.rand(2,5,6,
    2)*2.2-1.1)
u('affine',lambda t:F.affine_grid(t,(2,3,4,5),align_corners=False),R(2,2,3))
for cls,n in ((nn.LSTM,'lstm'),(nn.GRU,'gru'),(nn.RNN,'rnn')):
    u(n,cls(8,5,2,batch_first=True,bidirectional=True),x); u(n+'1',cls(8,5,bias=False),x)
class Cond(nn.Module):
    def __init__(s): super().__init__(); s.a=nn.Linear(8,8); s.b=nn.Linear(8,8)
    def forward(s,x): return torch.cond(x.sum()>0,lambda x:s.a(x).relu(),lambda x:s.b(x)-1,(x,))
u('cond',Cond(),x)
class NG(nn.Module):
    def __init__(s): super().__init__(); s.a=nn.Linear(8,8)
    def forward(s,x):
        with torch.no_grad(): y=s.a(x)
        with torch.autocast('cpu',enabled=False): z=y.float()*2
        return z+x
u('nograd',NG(),x)
class Tied(nn.Module):
    def __init__(s): super().__init__(); s.e=nn.Embedding(10,8); s.o=nn.Linear(8,10,bias=False); s.o.weight=s.e.weight
    def forward(s,i): return s.o(s.e(i))
u('tied',Tied(),idx,dyn=0)
u('half',nn.Sequential(nn.Linear(8,4),nn.GELU(),nn.LayerNorm(4)).half(),x.half())
u('dict',lambda x:{'logits':x*2,'hidden':[x+1,x-1]},x)
u('passthrough',lambda x:(x,x,x*1),x)
u('symint',lambda x:x.view(x.shape[0]*x.shape[1],x.shape[2])+x.shape[0]/2,x,dyn=(0,1))
u('dyn2',lambda x:(x.view(x.shape[0],x.shape[1],2,4).transpose(1,2).reshape(x.shape[0],-1,x.shape[1]),
    x.sum(1)/x.shape[1],x[:, -1],torch.arange(x.shape[1])+x[:,:,0],x.mean((1,2)),x.var(1),F.pad(x,(0,1)),x[:,
    x.shape[1]//2:]),x,dyn=(0,1))
u('nonzero',lambda i:(i>0).nonzero().float().sum(),i)

def tiny():
    """Architectures of torchvision and transformers at the smallest sizes that keep their structure."""
    import torchvision.models as tv
    from functools import partial
    from torchvision.models import convnext, efficientnet, mobilenetv3
    import transformers as hf
    small = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, vocab_size=50)
    image = R(2, 3, 32, 32)
    tokens = torch.randint(2, 50, (2, 6))

    class First(nn.Module):
        def __init__(self, model, **fixed):
            super().__init__()
            self.model, self.fixed = model, fixed

        def forward(self, x):
            return self.model(x, **self.fixed)[0]

    u('tiny_swin', tv.swin_transformer.SwinTransformer([4, 4], 8, [2, 1], [1, 2], [4, 4], num_classes=5), image, dyn=0)
    u('tiny_vit', tv.VisionTransformer(32, 8, 1, 2, 16, 24, num_classes=5), image, dyn=0)
    u('tiny_convnext', convnext.ConvNeXt([convnext.CNBlockConfig(8, 12, 1), convnext.CNBlockConfig(12, None, 1)], 0.0, 1.0,
                                         num_classes=5), image, dyn=0)
    u('tiny_densenet', tv.DenseNet(4, (2, 2), 8, num_classes=5), image, dyn=0)
    u('tiny_shufflenet', tv.ShuffleNetV2([2, 2, 2], [8, 8, 16, 16, 24], num_classes=5), image, dyn=0)
    block = partial(mobilenetv3.InvertedResidualConfig, width_mult=1.0)
    u('tiny_mobilenet3', tv.MobileNetV3([block(8, 3, 16, 8, True, 'RE', 2, 1), block(8, 5, 16, 8, True, 'HS', 1, 1)], 16,
                                        num_classes=5), image, dyn=0)
    u('tiny_efficientnet', tv.EfficientNet([efficientnet.MBConvConfig(2, 3, 2, 8, 8, 1)], 0.2, last_channel=16,
                                           num_classes=5), image, dyn=0)
    u('tiny_bert', First(hf.BertModel(hf.BertConfig(**small))), tokens, dyn=0)
    u('tiny_distilbert', First(hf.DistilBertModel(hf.DistilBertConfig(dim=16, n_layers=1, n_heads=2, hidden_dim=24, vocab_size=50))),
      tokens, dyn=0)
    u('tiny_gpt2', First(hf.GPT2LMHeadModel(hf.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=50, n_positions=12)),
                         use_cache=False), tokens, dyn=0)
    u('tiny_llama', First(hf.LlamaForCausalLM(hf.LlamaConfig(**{**small, 'num_attention_heads': 4}, num_key_value_heads=2)),
                          use_cache=False), tokens, dyn=0)
    u('tiny_t5', First(hf.T5EncoderModel(hf.T5Config(d_model=16, d_kv=8, d_ff=24, num_layers=1, num_heads=2, vocab_size=50))),
      tokens, dyn=0)
    u('tiny_clip_text', First(hf.CLIPTextModel(hf.CLIPTextConfig(**small, eos_token_id=49, bos_token_id=48, pad_token_id=1))),
      tokens, dyn=0)
    vision = {**small, 'image_size': 32, 'patch_size': 16}
    vision.pop('vocab_size')
    u('tiny_clip_vision', First(hf.CLIPVisionModel(hf.CLIPVisionConfig(**vision))), image, dyn=0)
    from transformers.models.whisper.modeling_whisper import WhisperEncoder
    u('tiny_whisper', First(WhisperEncoder(hf.WhisperConfig(d_model=16, encoder_layers=1, encoder_attention_heads=2,
                                                            encoder_ffn_dim=24, num_mel_bins=8, max_source_positions=10))),
      R(2, 8, 20), dyn=0)
