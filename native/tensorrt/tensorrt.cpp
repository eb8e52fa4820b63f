// Builds and runs TensorRT engines in a process of its own: src/runtime/tensorrt writes the request, one word and its values a
// line, and reads files in trtexec's own formats. Compiled against the headers of TensorRT 10 or 11 where they are; the
// library of the same major version is opened at run time.
//   build: onnx, engine, library, parser, cache, layers, level, workspace, range PROFILE INPUT min opt max
//   run:   engine, library, profile, shape INPUT sizes, input INPUT file, output OUTPUT file, times, layer-times, …
#include <NvInfer.h>
#include <NvOnnxParser.h>
#include <cuda_runtime.h>
#include <dlfcn.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace trt = nvinfer1;
using Clock = std::chrono::steady_clock;

[[noreturn]] static void fail(const std::string& text) {
  fprintf(stderr, "tensorrt: %s\n", text.c_str());
  exit(1);
}
#define CUDA_OK(call) do { cudaError_t e_ = (call); if (e_ != cudaSuccess) fail(std::string(#call) + ": " + cudaGetErrorString(e_)); } while (0)

struct Logger : trt::ILogger {
  void log(Severity severity, const char* text) noexcept override {
    if (severity <= Severity::kWARNING) fprintf(stderr, "[%s] %s\n", severity == Severity::kWARNING ? "warning" : "error", text);
  }
};
static Logger logger;

using Words = std::map<std::string, std::string>;
struct Range { int profile; std::string input, min, opt, max; };
struct Request {
  Words words;
  std::vector<Range> ranges;
  Words shapes, inputs, outputs;
  std::string need(const std::string& name) const {
    auto found = words.find(name);
    if (found == words.end()) fail("the request has no " + name);
    return found->second;
  }
  std::string get(const std::string& name, const std::string& otherwise = "") const {
    auto found = words.find(name);
    return found == words.end() ? otherwise : found->second;
  }
};

static Request readRequest(const char* path) {
  Request r;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    // Values are separated by tabs: names of tensors and files have spaces.
    std::vector<std::string> parts;
    std::istringstream in(line);
    for (std::string part; std::getline(in, part, '\t');) parts.push_back(part);
    if (parts.size() == 6 && parts[0] == "range") r.ranges.push_back({atoi(parts[1].c_str()), parts[2], parts[3], parts[4], parts[5]});
    else if (parts.size() == 3 && parts[0] == "shape") r.shapes[parts[1]] = parts[2];
    else if (parts.size() == 3 && parts[0] == "input") r.inputs[parts[1]] = parts[2];
    else if (parts.size() == 3 && parts[0] == "output") r.outputs[parts[1]] = parts[2];
    else if (parts.size() == 2) r.words[parts[0]] = parts[1];
    else if (!line.empty()) fail("the request has a line that cannot be read: " + line);
  }
  return r;
}

/** 1x3x224x224; nothing is a scalar. */
static trt::Dims dimsOf(const std::string& text) {
  trt::Dims d{};
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, 'x');) {
    if (d.nbDims >= trt::Dims::MAX_DIMS) fail("a shape has too many axes: " + text);
    d.d[d.nbDims++] = atoll(part.c_str());
  }
  return d;
}

static std::vector<char> readFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::vector<char>(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}
static void writeFile(const std::string& path, const void* data, size_t bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write((const char*)data, (std::streamsize)bytes);
  if (!out) fail("cannot write " + path);
}
static std::string quoted(const std::string& s) {
  std::string text = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') text += '\\';
    if ((unsigned char)c < 0x20) { char code[8]; snprintf(code, sizeof code, "\\u%04x", c); text += code; }
    else text += c;
  }
  return text + "\"";
}

static void* open(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!handle) fail(dlerror());
  return handle;
}
template <class F> static F symbol(void* library, const char* name) {
  void* found = dlsym(library, name);
  if (!found) fail(std::string("the library has no ") + name);
  return (F)found;
}

static int build(const Request& r) {
  void* library = open(r.need("library"));
  void* parserLibrary = open(r.need("parser"));
  std::unique_ptr<trt::IBuilder> builder((trt::IBuilder*)symbol<void* (*)(void*, int32_t)>(library, "createInferBuilder_INTERNAL")(&logger, NV_TENSORRT_VERSION));
  if (!builder) fail("the library refuses to make a builder for headers of version " + std::to_string(NV_TENSORRT_VERSION));
#if NV_TENSORRT_MAJOR >= 11
  const uint32_t flags = 0;  // every network is strongly typed
#else
  const uint32_t flags = 1u << (uint32_t)trt::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED;
#endif
  std::unique_ptr<trt::INetworkDefinition> network(builder->createNetworkV2(flags));
  std::unique_ptr<nvonnxparser::IParser> parser((nvonnxparser::IParser*)symbol<void* (*)(void*, void*, int)>(parserLibrary, "createNvOnnxParser_INTERNAL")(network.get(), &logger, NV_ONNX_PARSER_VERSION));
  if (!network || !parser) fail("no network or no parser");
  if (!parser->parseFromFile(r.need("onnx").c_str(), (int)trt::ILogger::Severity::kWARNING)) {
    std::string text = "the model cannot be read:";
    for (int i = 0; i < parser->getNbErrors(); i++) text += std::string("\n") + parser->getError(i)->nodeName() + ": " + parser->getError(i)->desc();
    fail(text);
  }
  std::unique_ptr<trt::IBuilderConfig> config(builder->createBuilderConfig());
  if (!r.get("level").empty()) config->setBuilderOptimizationLevel(atoi(r.get("level").c_str()));
  if (!r.get("workspace").empty()) config->setMemoryPoolLimit(trt::MemoryPoolType::kWORKSPACE, (size_t)atoll(r.get("workspace").c_str()));
  config->setProfilingVerbosity(trt::ProfilingVerbosity::kDETAILED);
  std::map<int, trt::IOptimizationProfile*> profiles;
  for (const Range& range : r.ranges) {
    trt::IOptimizationProfile*& profile = profiles[range.profile];
    if (!profile) profile = builder->createOptimizationProfile();
    bool ok = profile->setDimensions(range.input.c_str(), trt::OptProfileSelector::kMIN, dimsOf(range.min))
      && profile->setDimensions(range.input.c_str(), trt::OptProfileSelector::kOPT, dimsOf(range.opt))
      && profile->setDimensions(range.input.c_str(), trt::OptProfileSelector::kMAX, dimsOf(range.max));
    if (!ok) fail("profile " + std::to_string(range.profile) + " is refused for input " + range.input);
  }
  for (auto& [number, profile] : profiles) if (config->addOptimizationProfile(profile) < 0) fail("profile " + std::to_string(number) + " is refused");
  std::unique_ptr<trt::ITimingCache> cache;
  if (!r.get("cache").empty()) {
    std::vector<char> old = readFile(r.get("cache"));
    cache.reset(config->createTimingCache(old.data(), old.size()));
    if (!cache && !old.empty()) cache.reset(config->createTimingCache(nullptr, 0));  // of another version or GPU
    if (!cache || !config->setTimingCache(*cache, false)) fail("the timing cache is refused");
  }
  std::unique_ptr<trt::IHostMemory> plan(builder->buildSerializedNetwork(*network, *config));
  if (!plan) fail("the engine could not be built");
  writeFile(r.need("engine"), plan->data(), plan->size());
  if (cache) {
    std::unique_ptr<trt::IHostMemory> now(config->getTimingCache()->serialize());
    if (now) writeFile(r.get("cache"), now->data(), now->size());
  }
  if (!r.get("layers").empty()) {
    std::unique_ptr<trt::IRuntime> runtime((trt::IRuntime*)symbol<void* (*)(void*, int32_t)>(library, "createInferRuntime_INTERNAL")(&logger, NV_TENSORRT_VERSION));
    std::unique_ptr<trt::ICudaEngine> engine(runtime->deserializeCudaEngine(plan->data(), plan->size()));
    if (!engine) fail("the engine that was built cannot be loaded");
    std::unique_ptr<trt::IEngineInspector> inspector(engine->createEngineInspector());
    std::string text = inspector->getEngineInformation(trt::LayerInformationFormat::kJSON);
    writeFile(r.get("layers"), text.data(), text.size());
  }
  return 0;
}

/** Times of the layers, added up over the iterations. */
struct Layers : trt::IProfiler {
  std::vector<std::pair<std::string, std::vector<float>>> times;
  std::map<std::string, size_t> places;
  void reportLayerTime(const char* name, float ms) noexcept override {
    auto [found, fresh] = places.insert({name, times.size()});
    if (fresh) times.push_back({name, {}});
    times[found->second].second.push_back(ms);
  }
  void write(const std::string& path, int iterations) {
    double total = 0;
    for (auto& [name, list] : times) for (float ms : list) total += ms;
    std::ofstream out(path);
    out << "[\n  { \"count\" : " << iterations << " }\n";
    for (auto& [name, list] : times) {
      double sum = 0;
      for (float ms : list) sum += ms;
      std::sort(list.begin(), list.end());
      float median = list.size() % 2 ? list[list.size() / 2] : (list[list.size() / 2 - 1] + list[list.size() / 2]) / 2;
      out << ", { \"name\" : " << quoted(name) << ", \"timeMs\" : " << sum << ", \"averageMs\" : " << sum / iterations
          << ", \"medianMs\" : " << median << ", \"percentage\" : " << (total > 0 ? sum / total * 100 : 0) << " }\n";
    }
    out << "]\n";
  }
};

static double bytesOfElement(trt::DataType type) {
  switch (type) {
    case trt::DataType::kFLOAT: case trt::DataType::kINT32: return 4;
    case trt::DataType::kHALF: case trt::DataType::kBF16: return 2;
    case trt::DataType::kINT64: return 8;
    case trt::DataType::kINT4: return 0.5;
    default: return 1;  // int8, uint8, bool, fp8
  }
}

struct Tensor { std::string name; bool input; size_t bytes; void* device; std::vector<char> host; trt::Dims dims; };

static int run(const Request& r) {
  void* library = open(r.need("library"));
  std::unique_ptr<trt::IRuntime> runtime((trt::IRuntime*)symbol<void* (*)(void*, int32_t)>(library, "createInferRuntime_INTERNAL")(&logger, NV_TENSORRT_VERSION));
  std::vector<char> plan = readFile(r.need("engine"));
  std::unique_ptr<trt::ICudaEngine> engine(runtime ? runtime->deserializeCudaEngine(plan.data(), plan.size()) : nullptr);
  if (!engine) fail("the engine cannot be loaded: it belongs to the version of TensorRT and the GPU that it was built with");
  std::unique_ptr<trt::IExecutionContext> context(engine->createExecutionContext());
  cudaStream_t stream;
  CUDA_OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  if (!context || !context->setOptimizationProfileAsync(atoi(r.get("profile", "0").c_str()), stream)) fail("the profile cannot be chosen");
  for (auto& [name, text] : r.shapes) if (!context->setInputShape(name.c_str(), dimsOf(text))) fail("the shape " + text + " of " + name + " is outside the profile");
  std::vector<Tensor> tensors;
  for (int i = 0; i < engine->getNbIOTensors(); i++) {
    Tensor t{};
    t.name = engine->getIOTensorName(i);
    t.input = engine->getTensorIOMode(t.name.c_str()) == trt::TensorIOMode::kINPUT;
    t.dims = context->getTensorShape(t.name.c_str());
    double elements = 1;
    for (int k = 0; k < t.dims.nbDims; k++) {
      if (t.dims.d[k] < 0) fail("the shape of " + t.name + " is not known: every input that varies needs a shape");
      elements *= (double)t.dims.d[k];
    }
    t.bytes = (size_t)(elements * bytesOfElement(engine->getTensorDataType(t.name.c_str())) + 0.5);
    CUDA_OK(cudaMalloc(&t.device, t.bytes ? t.bytes : 1));
    t.host.resize(t.bytes);
    auto given = r.inputs.find(t.name);
    if (t.input && given != r.inputs.end()) {
      t.host = readFile(given->second);
      if (t.host.size() != t.bytes) fail("input " + t.name + " has " + std::to_string(t.host.size()) + " bytes, the engine takes " + std::to_string(t.bytes));
    }
    if (!context->setTensorAddress(t.name.c_str(), t.device)) fail("the address of " + t.name + " is refused");
    tensors.push_back(std::move(t));
  }
  cudaEvent_t events[4];
  for (cudaEvent_t& e : events) CUDA_OK(cudaEventCreate(&e));
  auto copy = [&](bool in) {
    for (Tensor& t : tensors) if (t.input == in && t.bytes) CUDA_OK(cudaMemcpyAsync(in ? t.device : t.host.data(), in ? t.host.data() : t.device, t.bytes, in ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost, stream));
  };
  copy(true);
  if (!context->enqueueV3(stream)) fail("the inference is refused");
  CUDA_OK(cudaStreamSynchronize(stream));
  cudaGraphExec_t graph = nullptr;
  if (r.get("graph") == "1") {
    cudaGraph_t captured;
    CUDA_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    bool ok = context->enqueueV3(stream);
    CUDA_OK(cudaStreamEndCapture(stream, &captured));
    if (!ok) fail("the engine cannot be captured in a CUDA graph: it has layers that wait for the host");
    CUDA_OK(cudaGraphInstantiate(&graph, captured, 0));
    CUDA_OK(cudaGraphDestroy(captured));
  }
  auto infer = [&] {
    if (graph) CUDA_OK(cudaGraphLaunch(graph, stream));
    else if (!context->enqueueV3(stream)) fail("the inference is refused");
  };
  const int warmup = atoi(r.get("warmup", "10").c_str()), iterations = std::max(1, atoi(r.get("iterations", "100").c_str()));
  for (int i = 0; i < warmup; i++) infer();
  CUDA_OK(cudaStreamSynchronize(stream));
  cudaEvent_t origin;
  CUDA_OK(cudaEventCreate(&origin));
  CUDA_OK(cudaEventRecord(origin, stream));
  CUDA_OK(cudaEventSynchronize(origin));
  auto begin = Clock::now();
  auto since = [&] { return std::chrono::duration<double, std::milli>(Clock::now() - begin).count(); };
  std::ofstream times;
  if (!r.get("times").empty()) times.open(r.get("times"));
  times << "[\n";
  for (int i = 0; i < iterations; i++) {
    CUDA_OK(cudaEventRecord(events[0], stream));
    copy(true);
    CUDA_OK(cudaEventRecord(events[1], stream));
    double from = since();
    infer();
    double to = since();
    CUDA_OK(cudaEventRecord(events[2], stream));
    copy(false);
    CUDA_OK(cudaEventRecord(events[3], stream));
    CUDA_OK(cudaEventSynchronize(events[3]));
    float at[4];
    for (int k = 0; k < 4; k++) CUDA_OK(cudaEventElapsedTime(&at[k], origin, events[k]));
    times << (i ? ", " : "  ") << "{ \"startEnqMs\" : " << from << ", \"endEnqMs\" : " << to << ", \"startH2dMs\" : " << at[0] << ", \"endH2dMs\" : " << at[1]
          << ", \"startComputeMs\" : " << at[1] << ", \"endComputeMs\" : " << at[2] << ", \"startD2hMs\" : " << at[2] << ", \"endD2hMs\" : " << at[3]
          << ", \"h2dMs\" : " << at[1] - at[0] << ", \"computeMs\" : " << at[2] - at[1] << ", \"d2hMs\" : " << at[3] - at[2] << ", \"latencyMs\" : " << at[3] - at[0] << " }\n";
  }
  times << "]\n";
  // The profiler waits after every layer, so it has a run of its own, and never in a graph.
  if (!r.get("layer-times").empty()) {
    Layers layers;
    context->setProfiler(&layers);
    for (int i = 0; i < iterations; i++) {
      if (!context->enqueueV3(stream)) fail("the inference is refused");
      CUDA_OK(cudaStreamSynchronize(stream));
    }
    layers.write(r.get("layer-times"), iterations);
  }
  for (Tensor& t : tensors) {
    auto wanted = r.outputs.find(t.name);
    if (!t.input && wanted != r.outputs.end()) {
      writeFile(wanted->second, t.host.data(), t.host.size());
      printf("output\t%s\t", t.name.c_str());
      for (int k = 0; k < t.dims.nbDims; k++) printf("%s%lld", k ? "x" : "", (long long)t.dims.d[k]);
      printf("\n");
    }
  }
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 3) fail("usage: tensorrt build|run REQUEST");
  Request r = readRequest(argv[2]);
  return std::string(argv[1]) == "build" ? build(r) : run(r);
}
