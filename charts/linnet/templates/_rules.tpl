{{/*
What the operator asks of the API server, verb by verb and kind by kind; nothing else is granted.
The audit log of the tests is held against these rules.
*/}}
{{- define "linnet.rules" -}}
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [get, list, watch, patch]
- apiGroups: [argoproj.io]
  resources: [rollouts/status]
  verbs: [patch]
{{- if .Values.rbac.ownerReferencesPermissionEnforcement }}
- apiGroups: [argoproj.io]
  resources: [rollouts/finalizers]
  verbs: [update]
{{- end }}
- apiGroups: [argoproj.io]
  resources: [analysisruns]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [argoproj.io]
  resources: [analysistemplates{{ if not .Values.namespaced }}, clusteranalysistemplates{{ end }}]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get, list, watch, create, patch, delete]
# Only for Rollouts whose pods carry metadata of their role, or are restarted.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, patch]
# Only for Rollouts that take their pod template from one of these, and of Deployments the size.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, patch]
- apiGroups: [""]
  resources: [podtemplates]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- if .Values.routers.nginx.enabled }}
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch, create, patch]
{{- end }}
{{- if .Values.routers.istio.enabled }}
- apiGroups: [networking.istio.io]
  resources: [virtualservices]
  verbs: [get, list, watch, patch]
{{- end }}
{{- end -}}

{{/* The Lease of Argo Rollouts, which is looked at and never written. */}}
{{- define "linnet.argoLeaseRule" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [argo-rollouts-controller-lock{{ include "linnet.leaseSuffix" . }}]
  verbs: [get]
{{- end -}}
