#include "core/subchunk/signature.h"

#include <librsync.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace dray {
namespace {

constexpr rs_magic_number kMagic = RS_RK_BLAKE2_SIG_MAGIC;
// Magic, block length, strong hash length.
constexpr size_t kHeadBytes = 12;

struct FreeJob {
  void operator()(rs_job_t* job) const { rs_job_free(job); }
};
using Job = std::unique_ptr<rs_job_t, FreeJob>;

// librsync would write of a peer's mistakes to stderr; the caller gets the result.
void BeQuiet() {
  static const bool done = [] {
    rs_trace_to([](rs_loglevel, const char*) {});
    return true;
  }();
  static_cast<void>(done);
}

// Runs a job over all of `in`. RS_BLOCKED: `out` is full, or the job wants more than there is.
rs_result RunJob(rs_job_t* job, Bytes in, MutableBytes out, size_t* written) {
  BeQuiet();
  rs_buffers_t buffers = {};
  buffers.next_in = const_cast<char*>(reinterpret_cast<const char*>(in.data()));
  buffers.avail_in = in.size();
  buffers.eof_in = 1;
  buffers.next_out = reinterpret_cast<char*>(out.data());
  buffers.avail_out = out.size();
  const rs_result result = rs_job_iter(job, &buffers);
  *written = out.size() - buffers.avail_out;
  return result;
}

absl::Status LibrsyncError(const char* what, rs_result result) {
  return absl::InternalError(absl::StrCat(what, ": ", rs_strerror(result)));
}

std::string SignatureHead(uint32_t block_bytes) {
  std::string head(kHeadBytes, '\0');
  auto* const at = reinterpret_cast<uint8_t*>(head.data());
  StoreBigEndian<uint32_t>(at, kMagic);
  StoreBigEndian<uint32_t>(at + 4, block_bytes);
  StoreBigEndian<uint32_t>(at + 8, kBlockStrongBytes);
  return head;
}

rs_result CopyFromBase(void* base, rs_long_t position, size_t* length, void** buffer) {
  const Bytes bytes = *static_cast<const Bytes*>(base);
  if (position < 0 || static_cast<uint64_t>(position) > bytes.size() ||
      *length > bytes.size() - static_cast<size_t>(position)) {
    return RS_CORRUPT;
  }
  *buffer = const_cast<uint8_t*>(bytes.data()) + position;
  return RS_DONE;
}

}  // namespace

uint32_t ChooseBlockBytes(size_t base_bytes, size_t most_bytes) {
  if (base_bytes == 0 || base_bytes > kMaxBaseBytes || most_bytes < kBlockHashBytes) return 0;
  const double best = std::sqrt(static_cast<double>(kBlockHashBytes * base_bytes));
  const size_t blocks = most_bytes / kBlockHashBytes;
  const size_t least = (base_bytes + blocks - 1) / blocks;
  const size_t chosen = std::max({static_cast<size_t>(best), least, size_t{kMinBlockBytes}});
  // With fewer than four blocks an edit leaves little to be found.
  if (chosen > kMaxBlockBytes || chosen * 4 > base_bytes) return 0;
  return static_cast<uint32_t>(chosen);
}

absl::StatusOr<std::string> SignBlocks(Bytes base, uint32_t block_bytes) {
  const size_t blocks = (base.size() + block_bytes - 1) / block_bytes;
  std::string out(kHeadBytes + blocks * kBlockHashBytes, '\0');
  const Job job(rs_sig_begin(block_bytes, kBlockStrongBytes, kMagic));
  size_t written = 0;
  const rs_result result =
      RunJob(job.get(), base, {reinterpret_cast<uint8_t*>(out.data()), out.size()}, &written);
  if (result != RS_DONE || written != out.size()) return LibrsyncError("signing", result);
  out.erase(0, kHeadBytes);
  return out;
}

void BlockSignature::Free::operator()(rs_signature* signature) const { rs_free_sumset(signature); }
BlockSignature::BlockSignature(BlockSignature&&) noexcept = default;
BlockSignature& BlockSignature::operator=(BlockSignature&&) noexcept = default;
BlockSignature::~BlockSignature() = default;

absl::StatusOr<BlockSignature> BlockSignature::Load(uint32_t block_bytes, Bytes hashes) {
  if (block_bytes < kMinBlockBytes || block_bytes > kMaxBlockBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a signature of blocks of ", block_bytes,
                                                   " bytes; ", kMinBlockBytes, " to ",
                                                   kMaxBlockBytes, " are allowed"));
  }
  const size_t most = (kMaxBaseBytes + block_bytes - 1) / block_bytes * kBlockHashBytes;
  if (hashes.empty() || hashes.size() % kBlockHashBytes != 0 || hashes.size() > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("a signature with ", hashes.size(), " bytes of hashes; a multiple of ",
                     kBlockHashBytes, " up to ", most, " is allowed"));
  }
  std::string whole = SignatureHead(block_bytes);
  whole.append(AsText(hashes));
  rs_signature_t* loaded = nullptr;
  const Job job(rs_loadsig_begin(&loaded));
  size_t written = 0;
  rs_result result = RunJob(job.get(), AsBytes(whole), {}, &written);
  BlockSignature signature(loaded);
  if (result == RS_DONE) result = rs_build_hash_table(loaded);
  if (result != RS_DONE) return LibrsyncError("loading a signature", result);
  return signature;
}

absl::StatusOr<size_t> BlockSignature::MakeDelta(Bytes chunk, MutableBytes out) const {
  const Job job(rs_delta_begin(signature_.get()));
  size_t written = 0;
  const rs_result result = RunJob(job.get(), chunk, out, &written);
  if (result == RS_DONE) return written;
  if (result == RS_BLOCKED) return size_t{0};
  return LibrsyncError("making a delta", result);
}

absl::Status ApplyDelta(Bytes delta, Bytes base, MutableBytes out) {
  const Job job(rs_patch_begin(CopyFromBase, &base));
  size_t written = 0;
  const rs_result result = RunJob(job.get(), delta, out, &written);
  if (result == RS_DONE && written == out.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a delta of ", delta.size(), " bytes made ",
                                                 written, " of ", out.size(),
                                                 " bytes: ", rs_strerror(result)));
}

}  // namespace dray
