#include "services/delta/catalog/catalog.h"

#include "absl/synchronization/notification.h"

namespace dray::delta {

void ReadAndWait(Catalog& catalog, absl::FunctionRef<void(CatalogView&)> job) {
  absl::Notification done;
  catalog.Read([&](CatalogView& view) {
    job(view);
    done.Notify();
  });
  done.WaitForNotification();
}

absl::Status WriteAndWait(Catalog& catalog,
                          absl::FunctionRef<absl::Status(CatalogTransaction&)> job) {
  absl::Notification done;
  absl::Status result;
  catalog.Write([&](CatalogTransaction& transaction) { return job(transaction); },
                [&](const absl::Status& status) {
                  result = status;
                  done.Notify();
                });
  done.WaitForNotification();
  return result;
}

}  // namespace dray::delta
