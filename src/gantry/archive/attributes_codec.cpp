#include "gantry/archive/attributes_codec.hpp"

#include <cassert>
#include <cstdlib>

#include <zstd.h>

#include "gantry/base/handle.hpp"

namespace gantry::archive {
namespace {

using Compressor = Handle<ZSTD_CCtx, &ZSTD_freeCCtx>;
using Decompressor = Handle<ZSTD_DCtx, &ZSTD_freeDCtx>;

// A zstd without memory for a context leaves nothing sensible to do; wrong sizes are our own broken promise.
std::size_t must(std::size_t code) {
  if (ZSTD_isError(code) != 0) std::abort();
  return code;
}

Compressor make_compressor() {
  Compressor context(ZSTD_createCCtx());
  if (!context) std::abort();
  must(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, 3));
  must(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1));
  return context;
}

Decompressor make_decompressor() {
  Decompressor context(ZSTD_createDCtx());
  if (!context) std::abort();
  return context;
}

}  // namespace

std::string compress_attributes(std::string_view json) {
  assert(json.size() <= kAttributesBytesMost);
  thread_local const Compressor context = make_compressor();
  std::string compressed(ZSTD_compressBound(json.size()), '\0');
  compressed.resize(
      must(ZSTD_compress2(context.get(), compressed.data(), compressed.size(), json.data(), json.size())));
  compressed.shrink_to_fit();  // it waits for its commit, and the bound is longer than the text
  return compressed;
}

Result<std::string> decompress_attributes(std::string_view compressed) {
  // Besides an error and a plain size the answer may be "unknown", which compress_attributes never writes; both special
  // values are larger than any limit.
  const auto size = ZSTD_getFrameContentSize(compressed.data(), compressed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return Error::internal("the stored attributes are damaged: no zstd frame with a size");
  }
  if (size > kAttributesBytesMost) return Error::internal("the stored attributes are damaged: an impossible size");
  thread_local const Decompressor context = make_decompressor();
  std::string json(static_cast<std::size_t>(size), '\0');
  const std::size_t got =
      ZSTD_decompressDCtx(context.get(), json.data(), json.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(got) != 0) {
    return Error::internal(std::string("the stored attributes are damaged: ") + ZSTD_getErrorName(got));
  }
  if (got != json.size()) return Error::internal("the stored attributes are damaged: another size than announced");
  return json;
}

}  // namespace gantry::archive
