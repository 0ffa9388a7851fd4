// The answer to a get of a small file, whatever it says: in the end the target holds what stood
// there before, or exactly the version that was asked for.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/item_receiver.h"
#include "client/testing/scratch_tree.h"
#include "core/base/bytes.h"
#include "core/chunking/leaf_entry.h"
#include "core/chunking/sha256.h"
#include "core/chunking/tree_builder.h"
#include "core/subchunk/prefix.h"
#include "core/testing/fuzz_target.h"

namespace dray {
namespace {

using Chunks = std::vector<std::string>;

void Check(bool holds) {
  if (!holds) std::abort();
}

ChunkEntry EntryOf(const std::string& chunk) {
  const Bytes bytes = AsBytes(chunk);
  ChunkEntry entry;
  HashChunks({&bytes, 1}, {&entry.id, 1});
  entry.length_bytes = static_cast<uint32_t>(chunk.size());
  return entry;
}

std::string Joined(const Chunks& chunks) {
  std::string all;
  for (const std::string& chunk : chunks) all += chunk;
  return all;
}

const Chunks& OldChunks() {
  static const Chunks* const kChunks =
      new Chunks{testing::Noise(60, 1), testing::Noise(300, 2), testing::Noise(40, 3)};
  return *kChunks;
}

// The second chunk is edited, the third moved, one is new.
const Chunks& NewChunks() {
  static const Chunks* const kChunks = [] {
    const Chunks& old = OldChunks();
    std::string edited = old[1];
    edited.replace(100, 4, "edit");
    return new Chunks{old[0], edited, testing::Noise(50, 4), old[2]};
  }();
  return *kChunks;
}

// One file to be got over an older copy of it; the same for all inputs.
class Target {
 public:
  Target() {
    TreeBuilder tree({});
    for (const std::string& chunk : NewChunks()) {
      const ChunkEntry entry = EntryOf(chunk);
      tree.Add(entry.id, entry.length_bytes);
    }
    const std::string contents = Joined(NewChunks());
    RemoteFile& remote = file_.remote;
    remote.version.set_path("file");
    remote.version.set_number(2);
    remote.version.set_root(std::string(tree.Finish().view()));
    remote.version.mutable_metadata()->set_kind(wire::v1::FILE);
    remote.version.mutable_metadata()->set_mode(0644);
    remote.version.mutable_metadata()->set_size(contents.size());
    auto base = BeneathFolder::Open(folder_.Path(""));
    Check(base.ok());
    remote.base = std::make_shared<const BeneathFolder>(*std::move(base));
    remote.name = "file";
    remote.local = folder_.Path("file");
    Check(CheckVersion(&remote).ok());
    file_.old_chunks.emplace();
    for (const std::string& chunk : OldChunks()) file_.old_chunks->push_back(EntryOf(chunk));
    file_.named = file_.old_chunks->size();
    folder_.Write("file", Joined(OldChunks()));
  }

  const SmallGet& file() const { return file_; }
  void ExpectOld() const { Check(folder_.Read("file") == Joined(OldChunks())); }
  void ExpectNewAndRestore() const {
    Check(folder_.Read("file") == Joined(NewChunks()));
    folder_.Write("file", Joined(OldChunks()));
  }

 private:
  testing::ScratchTree folder_;
  SmallGet file_;
};

// Takes an input apart; where it ends early the rest is empty.
class Reader {
 public:
  explicit Reader(Bytes input) : rest_(input) {}
  bool empty() const { return rest_.empty(); }
  uint8_t Byte() {
    const Bytes one = Take(1);
    return one.empty() ? 0 : one[0];
  }
  // Of a length that stands before them.
  Bytes Sized() {
    const size_t high = Byte();
    return Take(high << 8 | Byte());
  }

 private:
  Bytes Take(size_t count) {
    const Bytes taken = rest_.first(std::min(count, rest_.size()));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  Bytes rest_;
};

std::string Sized(const std::string& bytes) {
  return std::string{static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size())} + bytes;
}

// Feeds what comes until the file is complete or the stream ends.
absl::Status Receive(ItemReceiver& receiver, Reader& stream) {
  while (!receiver.complete() && !stream.empty()) {
    const bool by_delta = stream.Byte() % 2 != 0;
    wire::v1::GetDelta delta;
    if (by_delta) {
      delta.set_base_first(stream.Byte());
      delta.set_base_count(stream.Byte());
    }
    const std::string bytes(AsText(stream.Sized()));
    Download::VerifiedChunk chunk;
    if (by_delta) {
      delta.set_delta(bytes);
      chunk.delta = &delta;
    } else {
      if (bytes.empty()) continue;  // no data frame is empty
      chunk.id = EntryOf(bytes).id;
      chunk.raw = AsBytes(bytes);
    }
    DRAY_RETURN_IF_ERROR(receiver.Add(chunk));
  }
  return absl::OkStatus();
}

// An input: what the item says, its list of chunks, and the chunks that come.
std::string Item(uint64_t data_bytes, const std::string& entries) {
  return Sized(std::string{static_cast<char>(data_bytes >> 8), static_cast<char>(data_bytes)}) +
         Sized(entries);
}
std::string Whole(const std::string& chunk) { return '\0' + Sized(chunk); }

std::string Delta(const std::string& chunk, const std::string& base, uint8_t first) {
  std::vector<uint8_t> frame(4096);
  frame.resize(CompressWithPrefix(AsBytes(chunk), AsBytes(base), 3, absl::MakeSpan(frame)));
  return std::string{'\1', static_cast<char>(first), '\1'} + Sized(std::string(AsText(frame)));
}

}  // namespace

std::vector<std::string> FuzzCorpus() {
  const Chunks& coming = NewChunks();
  std::string entries;
  for (const std::string& chunk : coming) {
    AppendLeafEntry(EntryOf(chunk).id.view(), static_cast<uint32_t>(chunk.size()), &entries);
  }
  const size_t lacking = coming[1].size() + coming[2].size();
  std::string whole = Item(Joined(coming).size(), "");
  for (const std::string& chunk : coming) whole += Whole(chunk);
  return {whole, Item(lacking, entries) + Whole(coming[1]) + Whole(coming[2]),
          Item(lacking, entries) + Delta(coming[1], OldChunks()[1], 1) + Whole(coming[2])};
}

}  // namespace dray

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dray;
  static const Target target;
  static const Callbacks callbacks;
  static Tracker tracker(callbacks, nullptr);
  Reader input({data, size});
  const Bytes data_bytes = input.Sized();
  wire::v1::GetItems::Item item;
  *item.mutable_version() = target.file().remote.version;
  for (const uint8_t byte : data_bytes) item.set_data_bytes(item.data_bytes() << 8 | byte);
  item.set_entries(std::string(AsText(input.Sized())));
  auto receiver = ItemReceiver::Make(target.file(), item, &tracker);
  if (!receiver.ok()) return 0;
  (*receiver)->Open();
  if (!Receive(**receiver, input).ok() || !(*receiver)->complete() || (*receiver)->spoilt() ||
      !(*receiver)->Seal({}).ok()) {
    receiver->reset();
    target.ExpectOld();
    return 0;
  }
  IncomingFile* const incoming = (*receiver)->writer().incoming();
  Check(TakeNames({&incoming, 1}, false).front().ok());
  (*receiver)->writer().Named();
  target.ExpectNewAndRestore();
  return 0;
}
