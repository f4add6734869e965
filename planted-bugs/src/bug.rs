//! The bugs.

macro_rules! bugs {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// A bug that can be planted: a rule of planner, engine or router that is broken in one place.
        ///
        /// `AR#` are public issues of the operator whose API Linnet speaks, `FL#` those of the other widespread one:
        /// the bugs are modelled on what went wrong there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Bug {
            $($(#[$doc])* $name,)+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name, as it is written in the code.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

bugs! {
    // Traffic and pods.
    /// The weight of a step is written before the new version has pods for it (AR#2507).
    TrafficBeforePods,
    /// A managed route is made before the new version has pods that could answer.
    ManagedRouteBeforePods,
    /// A managed route is there during its own step only: later steps and restarts lose it (AR#4486, AR#4716).
    ManagedRoutesOfThisStepOnly,
    /// A full promotion sends everything to the new version before its pods are there.
    FullPromotionBeforePods,
    /// Pods are taken away as soon as the API server has accepted the route (AR#4390).
    ScaleDownBeforeDrain,
    /// The drain time is counted for the first write of a route only: a later one counts as in force.
    LaterRouteWritesNotDrained,
    /// The stable version shrinks with the share that the step leaves it, before the routes have turned (AR#3372,
    /// AR#2050).
    StableShrunkWithTheStep,
    /// The stable version counts among the old ones, so it is scaled down and cleaned up (AR#3565).
    StableCountedAsOld,
    /// A canary without a router takes pods away below `maxUnavailable`.
    AvailabilityFloorForgotten,
    /// On an abort the new pods go while requests still reach them (AR#4867).
    AbortTakesPodsFirst,
    /// An abort turns all traffic to a stable version that lacks the pods for it (FL#1931).
    AbortIntoMissingPods,
    /// A Service is switched before the pods that it selects are available (AR#4775).
    ServiceSwitchedBeforePods,
    /// A second new version inherits the weight of the first one with its first pod (AR#3372).
    NewVersionInheritsWeight,

    // Services that take turns.
    /// The Service of the new version is switched from pods that have gone to its own while proxies may still hold the
    /// former ones, and gets requests at once (AR#4433).
    SwitchedFromNobody,
    /// Routes are read and written as if the two Services never had taken turns.
    RoutesReadByFirstRoles,

    // Abort.
    /// The status of an abort is written before the routes.
    AbortStatusBeforeRoutes,
    /// After an abort the weight of the first step is written again.
    WeightRaisedAfterAbort,
    /// Only the first of several routes is taken back.
    OnlyFirstRouteTakenBack,
    /// A weight of 0 is never written, so the canary Ingress stays (AR#4751).
    CanaryIngressNeverLowered,
    /// A Rollout whose spec has become unreadable forgets its routes, and an abort cannot find them.
    BadSpecForgetsRoutes,

    // Steps, pauses, promotion.
    /// Two steps are done at once.
    StepSkipped,
    /// A new process begins with the first step.
    StepsRepeatedAfterRestart,
    /// Steps that another operator has begun are begun anew (AR#4070).
    StepsBegunAnewOnTakeover,
    /// A timed pause ends after half its time.
    PauseEndsEarly,
    /// Every look at a pause begins it anew.
    PauseBegunAnewOnEveryLook,
    /// A new process counts a timed pause from its own beginning.
    PauseBegunAnewAfterRestart,
    /// The end of a pause wakes nobody.
    EndOfPauseNotNoticed,
    /// A person's promotion of a paused step is not noticed.
    ResumeNotNoticed,
    /// `spec.paused` does not hold the steps.
    UserPauseIgnored,
    /// A retry goes on with the step that failed.
    RetryKeepsStep,
    /// A retry finds the analyses of the first attempt and fails at once (AR#2824).
    RetryFindsOldVerdicts,
    /// A return to the stable version in the middle of an update leaves the routes as they are.
    RollbackLeavesWeight,
    /// A version becomes stable before all its pods are available.
    PromotedWithoutPods,
    /// A version becomes stable before the routes send everything to it.
    PromotedWithoutTraffic,
    /// The progress deadline runs during pauses, too (AR#3414).
    DeadlineCountsPauses,

    // Returns.
    /// A return to a version inside the rollback window goes step by step (AR#1748).
    ReturnGoesStepByStep,
    /// A return to a version inside the rollback window is measured (AR#2939).
    ReturnMeasured,

    // The Deployment that a Rollout replaces.
    /// Its pods are taken away as soon as the Rollout wants its own, not when they are available (AR#4681).
    WorkloadScaledBeforePods,
    /// It is scaled down also in later revisions, when its owner has made it larger again (AR#4935).
    WorkloadScaledAtEveryRevision,
    /// A change of it is noticed only when the Rollout itself changes (AR#4110).
    WorkloadChangeNotNoticed,

    // Blue-green.
    /// The active Service is switched before all pods of the new version are available (AR#4775).
    ActiveServiceSwitchedBeforePods,
    /// The pause before the switch is not kept.
    PromotionPauseIgnored,
    /// The switch does not wait for the analysis before it.
    PrePromotionAnalysisNotAwaited,
    /// A version becomes stable before the analysis after the switch has ended.
    PostPromotionAnalysisNotAwaited,

    // Restarts.
    /// A restart evicts all pods at once, however many may be missing.
    AllPodsRestartedAtOnce,
    /// A restart obeys a `maxUnavailable` that rounds to nothing, so a single pod is never restarted (AR#1583).
    SinglePodNeverRestarted,
    /// A restart counts as done as soon as the first pods have gone.
    RestartEndsEarly,

    // Metadata of roles.
    /// Only the template gets the metadata of another role, not the pods that run already.
    PodsKeepEarlierRole,
    /// Only the pods that run already get the metadata of another role, not those that start later.
    TemplateKeepsEarlierRole,
    /// What an earlier role added is no longer noted although pods still carry it.
    EarlierRoleForgotten,

    // Analysis.
    /// A failed analysis is not looked at.
    VerdictIgnored,
    /// A step is done as soon as its analysis runs.
    StepDoesNotAwaitAnalysis,
    /// A measurement of NaN is a success.
    NanIsSuccess,
    /// A measurement that could not be made is a success (AR#1466, AR#4479).
    ErrorIsSuccess,
    /// A run that ended before its first measurement is a success (AR#3724).
    NothingMeasuredIsSuccess,
    /// A finished run goes on, and its verdict may change.
    VerdictChanges,
    /// A new process does not know the runs of the one before and makes others under other names (AR#1107).
    RunsRepeatedAfterRestart,
    /// After a takeover the weight is raised although the running analysis has not measured since.
    WeightRaisedOnTakeover,

    // Services.
    /// The hash leaves the selector of a Service as soon as no Rollout is known to name it, without a look whether one
    /// does.
    ServiceReleasedWithoutLook,

    // The API server.
    /// Nothing is read live before pods are taken away or traffic is moved.
    NoLiveReads,
    /// Only what takes pods away is read live, not what moves traffic.
    TrafficMovedWithoutLiveReads,
    /// The status is written without the version that the decision saw (AR#2117).
    StatusWithoutVersion,
    /// The status is written as a whole, with an abort that a person has just asked for taken out again (AR#4461).
    AbortOverwritten,
    /// A ReplicaSet is scaled without a look at its size.
    ScaleWithoutCondition,
    /// Routes are written without the version that the decision saw.
    RoutesWithoutVersion,
    /// A late watch event overwrites what the answer to an own write showed (AR#3316).
    OwnWritesForgotten,
    /// An own ReplicaSet that an unanswered request had made is taken for somebody else's.
    OwnReplicaSetTakenForForeign,
    /// A ReplicaSet with the right name is adopted whoever owns it.
    ForeignReplicaSetAdopted,
    /// A write whose outcome is unknown stays so for ever: nobody reads the object.
    DoubtNeverSettled,
    /// A new list is taken for the deletion of everything.
    RelistTakenForDeletion,
    /// A process that has lost the lease goes on (AR#2117).
    LostLeaseIgnored,
    /// A Rollout that cannot be read ends the round for all others (AR#800).
    BadRolloutStopsOthers,

    // Routers.
    /// The weights of the two destinations of a VirtualService are exchanged.
    DestinationsExchanged,
    /// The weights are written to the first route of a VirtualService, not to the named one.
    WrongRouteOfVirtualService,
    /// Fields of a VirtualService that are not ours are lost (AR#2266).
    ForeignFieldsLost,
    /// Only the first of several stable Ingresses gets a canary.
    SecondIngressForgotten,
    /// A canary Ingress that somebody else owns is written to.
    ForeignIngressWritten,
}

impl std::fmt::Display for Bug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// No bug has that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBug(
    /// The name.
    pub String,
);

impl std::fmt::Display for UnknownBug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
        write!(f, "no planted bug is named {:?}; there are {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownBug {}

impl std::str::FromStr for Bug {
    type Err = UnknownBug;

    fn from_str(name: &str) -> Result<Self, UnknownBug> {
        let known = Self::ALL.iter().copied().find(|bug| bug.name() == name);
        known.ok_or_else(|| UnknownBug(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_bugs() {
        for bug in Bug::ALL {
            assert_eq!(bug.name().parse(), Ok(*bug));
            assert_eq!(bug.to_string(), format!("{bug:?}"));
        }
        assert!(Bug::ALL.len() >= 30, "{}", Bug::ALL.len());
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "Nonsense".parse::<Bug>().unwrap_err().to_string();
        assert!(
            error.starts_with("no planted bug is named \"Nonsense\"; there are TrafficBeforePods, "),
            "{error}"
        );
    }
}
