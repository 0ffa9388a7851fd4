#include "client/sync/spill.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace dray {
namespace {

std::string RecordOf(int i) { return std::to_string(i) + std::string(i % 997, 'x'); }

// Some 25 MB: far more than is kept in memory.
constexpr int kMany = 50'000;

TEST(SpillListTest, ForwardBackwardAndByPlace) {
  for (const int count : {0, 1, 100, kMany}) {
    SpillList list;
    std::vector<uint64_t> places;
    for (int i = 0; i < count; ++i) {
      const auto place = list.Append(RecordOf(i));
      ASSERT_TRUE(place.ok());
      places.push_back(*place);
    }
    EXPECT_EQ(list.size(), count);
    int next = 0;
    ASSERT_TRUE(list.ForEach([&](std::string_view record) {
                      EXPECT_EQ(record, RecordOf(next++));
                      return absl::OkStatus();
                    })
                    .ok());
    EXPECT_EQ(next, count);
    ASSERT_TRUE(list.ForEachBackward([&](std::string_view record) {
                      EXPECT_EQ(record, RecordOf(--next));
                      return absl::OkStatus();
                    })
                    .ok());
    EXPECT_EQ(next, 0);
    for (int i = 0; i < count; i += 777) EXPECT_EQ(*list.At(places[i]), RecordOf(i));
  }
}

TEST(SpillListTest, RecordsLongerThanABlock) {
  SpillList list;
  const std::string lengthy(9'000'000, 'l');
  ASSERT_TRUE(list.Append("short").ok());
  ASSERT_TRUE(list.Append(lengthy).ok());
  ASSERT_TRUE(list.Append("end").ok());
  std::vector<size_t> sizes;
  const auto note = [&](std::string_view record) {
    sizes.push_back(record.size());
    return absl::OkStatus();
  };
  ASSERT_TRUE(list.ForEach(note).ok());
  ASSERT_TRUE(list.ForEachBackward(note).ok());
  EXPECT_EQ(sizes, (std::vector<size_t>{5, lengthy.size(), 3, 3, lengthy.size(), 5}));
}

TEST(SpillListTest, AnErrorEndsTheVisit) {
  SpillList list;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(list.Append("x").ok());
  int visits = 0;
  EXPECT_FALSE(list.ForEach([&](std::string_view) {
                     ++visits;
                     return absl::CancelledError("enough");
                   })
                   .ok());
  EXPECT_EQ(visits, 1);
}

TEST(SpillQueueTest, EverythingComesOutInOrderWhoeverIsFaster) {
  SpillQueue queue;
  const auto take = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      const auto record = queue.Pop();
      ASSERT_TRUE(record.ok() && *record);
      ASSERT_EQ(**record, RecordOf(i));
    }
  };
  for (int i = 0; i < kMany; ++i) ASSERT_TRUE(queue.Push(RecordOf(i)).ok());
  take(0, kMany / 2);
  std::thread taker([&] { take(kMany / 2, 3 * kMany); });
  for (int i = kMany; i < 3 * kMany; ++i) ASSERT_TRUE(queue.Push(RecordOf(i)).ok());
  taker.join();
  queue.Close();
  const auto end = queue.Pop();
  ASSERT_TRUE(end.ok());
  EXPECT_FALSE(end->has_value());
}

}  // namespace
}  // namespace dray
