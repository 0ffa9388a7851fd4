#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_DIALECT_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_DIALECT_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "core/base/bytes.h"
#include "core/base/status.h"

namespace dray::transfer {

// What a dialect says of a connection's first bytes.
enum class Match { kNo, kUndecided, kYes };

// Bytes that are looked at, without taking them from the socket, to choose the dialect.
inline constexpr size_t kFirstBytes = 16;

// A connection that is being served. Both calls may come from any thread and return at once.
class ServedConnection {
 public:
  virtual ~ServedConnection() = default;
  // Says goodbye, lets the requests that are open finish, and closes.
  virtual void Drain() = 0;
  // Closes now.
  virtual void Abort() = 0;
};

// A connection's place among those admitted, held until nothing of the connection is left.
class Admission {
 public:
  virtual ~Admission() = default;
  // Who is to be drained from now on. Thread-safe.
  virtual void SetServed(std::weak_ptr<ServedConnection> served) = 0;
};

struct AcceptedSocket {
  boost::asio::ip::tcp::socket socket;  // its executor is the connection's one event loop
  std::string peer;                     // "127.0.0.1:40000"
  std::shared_ptr<Admission> admission;
};

// A way to speak to clients; one object serves all its connections. It only translates between the
// wire and the operations of the engine. Thread-safe.
class Dialect {
 public:
  virtual ~Dialect() = default;

  // In logs, events and metrics' labels.
  virtual std::string name() const = 0;
  // `first` has at least one byte, at most kFirstBytes.
  virtual Match Matches(Bytes first) const = 0;
  // Serves until the connection has ended. Whoever serves it tells its admission.
  virtual boost::asio::awaitable<void> Serve(AcceptedSocket accepted) = 0;
  // Tells the client why it is not served, if the dialect can, and closes.
  virtual boost::asio::awaitable<void> Refuse(AcceptedSocket accepted, absl::Status why) = 0;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_DIALECT_H_
