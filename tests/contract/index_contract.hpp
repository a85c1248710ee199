#pragma once

// What every InstanceIndex owes (instance_index.hpp; DESIGN §2 to §5, §7), as tests. A provider's test writes
//
//   struct MyProvider { InstanceIndex& index(); static constexpr bool kPersistent; void reopen(); };
//   INSTANTIATE_TYPED_TEST_SUITE_P(My, IndexContract, MyProvider);
//   INSTANTIATE_TYPED_TEST_SUITE_P(My, IndexSearchContract, MyProvider);   // index_search_contract.hpp
//
// where a new MyProvider is an empty index and reopen() closes and opens the same one.

#include "contract/index_claims_contract.hpp"
#include "contract/index_concurrency_contract.hpp"
#include "contract/index_json_contract.hpp"
#include "contract/index_json_state_contract.hpp"
#include "contract/index_reference_contract.hpp"
#include "contract/index_storing_contract.hpp"
#include "contract/index_tenant_contract.hpp"

namespace gantry::index::contract {

REGISTER_TYPED_TEST_SUITE_P(
    IndexContract, AnEmptyIndexAnswersEmpty, ACommittedInstanceIsFoundAtEveryLevelWithItsLocation,
    VersionsOfManyThingsAreToldAtOnce, TheSameBytesAgainChangeNothing, OtherBytesOfTheSameInstanceFollowThePolicy,
    ReplacingMayMoveAnInstanceToAnotherStudy, AReplacedModalityGoesEvenWhenItsBatchBringsANewSeries,
    TheFirstInstanceThatHasAValueGivesIt, OneBatchMayRepeatAnInstanceAndTheFirstWins, ABadRowHarmsNoOther,
    QuotasHoldToTheByteAndTheInstance, OnlyAnActiveTenantTakesInstances, TwoTenantsShareUidsAndNothingElse,
    DeletingRecountsAndQueuesTheObjects, VersionsRiseAndNeverComeBack, SixteenThreadsIntoOneStudyLoseNothing,
    TheSameInstanceFromSixteenThreadsIsStoredOnce, DeletesAgainstStoresAndReadersKeepTheCountsRight,
    TheSixCallsKeepTheirMeaning, ACommitMakesItsSeriesDueAndKeepsTheStateColumns,
    ASavedStateOfACommittedSeriesChangesWhatSearchesFind, VisitsEveryHeldObjectOnceInOrder,
    APassedDeadlineIsATimeoutEverywhere, WhatWasCommittedIsThereAfterReopening,
    AClaimGivesADueSeriesToOneWorkerOldestFirst, AFinishedClaimIsReadyUntilTheSeriesChanges,
    ALostLeaseMakesTheSeriesPendingAgainAndTheFifthIsTheLast, AFailedSeriesWaitsForItsNextTryAndIsGivenUpAfterTheFifth,
    ADeletedSeriesTakesItsJsonAlong, OfManyWorkersEachSeriesGoesToOne, WorkersBesideStoresAndDeletesMakeEveryJson,
    ARenewedClaimStaysItsOwners, AClaimHandedBackIsDueAtOnceAndCostsNoTry, EverySeriesIsInOneOfTheTotals,
    AnOperatorsRetryGivesFailedSeriesAllTheirTries, EveryCallAnswersAsTheReferenceDoesForTwoTenants,
    ATenantIsFoundAsItStands, TenantsAreListedInOrderPageByPage, AStateChangesOnlyFromTheOneThatWasSeen,
    AQueuedObjectIsNeverCommitted, ADeletedTenantLeavesNothingButItsRowAndGoesOnCounting);

}  // namespace gantry::index::contract
