# onnxruntime's own quantizer, with the same settings: reads one JSON object from standard input, writes one to standard output.
# It is what `npm run bench -- quantization` is compared with, so it follows onnxruntime's documentation: the model is pre-processed
# (shape inference and graph optimization), then quantized.
import json
import os
import resource
import sys
import tempfile

try:
    import numpy as np
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process
except ImportError as error:
    print(json.dumps({"missing": str(error)}))
    sys.exit(0)


class Reader(CalibrationDataReader):
    def __init__(self, name, path, shape):
        self.name, self.shape = name, shape
        size = int(np.prod(shape))
        self.data = np.memmap(path, dtype=np.float32, mode="r").reshape(-1, size)
        self.at = 0

    def get_next(self):
        if self.at >= len(self.data):
            return None
        sample = np.array(self.data[self.at]).reshape(self.shape)
        self.at += 1
        return {self.name: sample}


def held():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def upgraded(path, folder):
    import onnx
    from onnx import version_converter

    model = onnx.load(path)
    if next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")) >= 13:
        return path
    target = os.path.join(folder, "raised.onnx")
    onnx.save(version_converter.convert_version(model, 13), target)
    return target


def main():
    job = json.load(sys.stdin)
    # It keeps every activation of every sample: better a row that says so than a machine that runs out of memory.
    room = int(0.8 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    with tempfile.TemporaryDirectory() as folder:
        source = upgraded(job["model"], folder)
        prepared = os.path.join(folder, "prepared.onnx")
        try:
            quant_pre_process(source, prepared, skip_symbolic_shape=job.get("skip_symbolic_shape", False))
        except Exception:
            quant_pre_process(source, prepared, skip_symbolic_shape=True)
        before = held()
        if job["method"] == "dynamic":
            quantize_dynamic(prepared, job["output"], per_channel=job["per_channel"], weight_type=QuantType.QInt8)
        else:
            method = {"min-max": CalibrationMethod.MinMax, "entropy": CalibrationMethod.Entropy, "percentile": CalibrationMethod.Percentile}[job["method"]]
            quantize_static(
                prepared, job["output"], Reader(job["input"], job["data"], job["shape"]), quant_format=QuantFormat.QDQ,
                per_channel=job["per_channel"], activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=method,
            )
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"megabytes": max(1, after - before)}))


try:
    main()
except Exception as error:  # the benchmark says why a row is missing
    print(json.dumps({"missing": f"failed: {type(error).__name__}: {str(error)[:200]}"}))
